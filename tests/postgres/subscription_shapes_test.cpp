// Subscriptions of several items, metered and tiered prices, truncated lists, and schedules: what their rows say.
#include <gtest/gtest.h>

#include <algorithm>

#include "plan_bodies.h"
#include "platform_rows.h"
#include "support/login_role.h"

namespace billsync::testing {
namespace {

constexpr long long kT = kAsOfSeconds - 3600;
constexpr long long kDay = 86400;
const PlanPrice kPro{.id = "price_demo_pro_monthly"};
const PlanPrice kEnt{.id = "price_demo_enterprise_monthly", .unit_amount = 9900};
const PlanPrice kSeat{.id = "price_demo_seat_addon", .unit_amount = 500};

class ShapesTest : public ::testing::Test {
 protected:
  ShapesTest() { AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}}); }

  std::string Row() {
    return mirror_.database.Value(
        "SELECT stripe_price_id || ' ' || plan_tier || ' ' || coalesce(amount_minor::text, '-') || ' ' ||"
        " extract(epoch FROM current_period_end - to_timestamp(" +
        std::to_string(kAsOfSeconds) + "))::bigint / 86400 FROM billing_subscriptions");
  }
  std::string Items() {
    return mirror_.database.Value(
        "SELECT string_agg(item_id || ' ' || meaning || coalesce(' ' || plan_tier, '') || coalesce(' x' || quantity, "
        "''),"
        " ', ' ORDER BY item_id) FROM billing_subscription_items");
  }
  void Play(const std::vector<std::string>& bodies) {
    for (const auto& body : bodies) mirror_.Store(body);
    mirror_.Apply();
  }
  Mirror mirror_;
};

TEST_F(ShapesTest, SeveralItemsAddUpAndTheHighestTierDecides) {
  Play({PlanEvent{.items = {{.id = "si_1", .price = kSeat, .quantity = 3},
                            {.id = "si_2", .price = kPro},
                            {.id = "si_3", .price = kEnt}}}
            .Body()});
  EXPECT_EQ(Row(), "price_demo_enterprise_monthly enterprise 14300 29");
  EXPECT_EQ(Items(), "si_1 add_on x3, si_2 tier pro x1, si_3 tier enterprise x1");
}

TEST_F(ShapesTest, AMeteredPriceCostsNothingInAdvanceAndATieredOneNobodyKnowsWhat) {
  PlanPrice metered = kSeat, tiered = kSeat;
  metered.metered = true;
  tiered.tiered = true;
  Play({PlanEvent{.items = {{.id = "si_1", .price = kPro}, {.id = "si_2", .price = metered}}}.Body()});
  EXPECT_EQ(Row(), "price_demo_pro_monthly pro 2900 29");
  EXPECT_EQ(Items(), "si_1 tier pro x1, si_2 add_on");
  Play({PlanEvent{
      .event = "evt_2", .created = kT + 9, .items = {{.id = "si_1", .price = kPro}, {.id = "si_2", .price = tiered}}}
            .Body()});
  EXPECT_EQ(Row(), "price_demo_pro_monthly pro - 29");
}

// Flexible billing: each item has a period of its own, and there is no one period to name a price of.
TEST_F(ShapesTest, TakesThePeriodOfTheItemThatDecidesTheTier) {
  PlanPrice yearly = kSeat;
  yearly.interval = "year";
  Play({PlanEvent{.items = {{.id = "si_1", .price = yearly, .period_end = kAsOfSeconds + 300 * kDay},
                            {.id = "si_2", .price = kEnt, .period_end = kAsOfSeconds + 9 * kDay}}}
            .Body()});
  EXPECT_EQ(Row(), "price_demo_enterprise_monthly enterprise - 9");
  EXPECT_EQ(mirror_.database.Value("SELECT billing_interval FROM billing_subscriptions"), "month");
}

TEST_F(ShapesTest, LosesTheRowOfAnItemThatIsGoneAndNotOfOneThatIsNotListed) {
  Play({PlanEvent{.items = {{.id = "si_1", .price = kPro}, {.id = "si_2", .price = kSeat}}}.Body()});
  Play({PlanEvent{
      .event = "evt_2", .created = kT + 9, .items = {{.id = "si_2", .price = kSeat, .quantity = 2}}, .has_more = true}
            .Body()});
  EXPECT_EQ(Items(), "si_1 tier pro x1, si_2 add_on x2");
  EXPECT_EQ(Row(), "price_demo_pro_monthly pro - 29");
  EXPECT_EQ(mirror_.database.Value("SELECT items_truncated::text FROM billing_subscriptions"), "true");
  Play({PlanEvent{.event = "evt_3", .created = kT + 19, .items = {{.id = "si_1", .price = kPro}}}.Body()});
  EXPECT_EQ(Items(), "si_1 tier pro x1");
  EXPECT_EQ(Row(), "price_demo_pro_monthly pro 2900 29");
}

// The item that gives the tier may be among those that Stripe did not list.
TEST_F(ShapesTest, APartOfTheItemsNeverProvesThatNoneCarriesATier) {
  mirror_.database.Run("UPDATE users SET plan_tier = 'enterprise', monthly_runs_quota = 10000");
  Play({PlanEvent{.items = {{.id = "si_2", .price = kSeat}}, .has_more = true}.Body()});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unreadable_shape");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_subscriptions"), "0");
  Play({PlanEvent{.event = "evt_2", .created = kT + 9, .items = {{.id = "si_1", .price = kPro}}, .has_more = true}
            .Body()});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000") << "one that carries a tier proves it";
}

TEST_F(ShapesTest, APartOfTheItemsLeavesTheTierThatAWholeListProved) {
  Play({PlanEvent{.items = {{.id = "si_1", .price = kSeat}}}.Body(),
        PlanEvent{.event = "evt_2", .created = kT + 9, .items = {{.id = "si_2", .price = kSeat}}, .has_more = true}
            .Body()});
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
}

// What an older snapshot shows of a price is of its own time: the catalog may know better since.
TEST_F(ShapesTest, AnItemThatIsNotListedAnyMoreMeansWhatTheCatalogHasSaidSince) {
  const PlanPrice renamed{.id = "price_x", .tier = "enterprise"};
  Play({PlanEvent{.items = {{.id = "si_1", .price = {.id = "price_x", .tier = "pro"}}}}.Body(),
        PriceBody("evt_p", "updated", kT + 10, renamed),
        PlanEvent{.event = "evt_2", .created = kT + 20, .items = {{.id = "si_2", .price = kSeat}}, .has_more = true}
            .Body()});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(Items(), "si_1 tier enterprise x1, si_2 add_on x1");
}

TEST_F(ShapesTest, APriceForEachTenIsBilledForEachTen) {
  const auto amount = [&](const std::string& event, int created, int quantity, const std::string& transform) {
    PlanPrice price = kPro;
    price.unit_amount = 1000;
    price.more = ",\"transform_quantity\":" + transform;
    Play(
        {PlanEvent{.event = event, .created = kT + created, .items = {{.price = price, .quantity = quantity}}}.Body()});
    return mirror_.database.Value("SELECT coalesce(amount_minor::text, '-') FROM billing_subscriptions");
  };
  EXPECT_EQ(amount("evt_1", 1, 25, R"({"divide_by":10,"round":"up"})"), "3000");
  EXPECT_EQ(amount("evt_2", 2, 25, R"({"divide_by":10,"round":"down"})"), "2000");
  EXPECT_EQ(amount("evt_3", 3, 30, R"({"divide_by":10,"round":"up"})"), "3000");
  EXPECT_EQ(amount("evt_4", 4, 25, R"({"divide_by":10,"round":"half"})"), "-") << "a rounding nobody knows";
  EXPECT_EQ(amount("evt_5", 5, 25, R"({"divide_by":0,"round":"up"})"), "-");
  EXPECT_EQ(amount("evt_6", 6, 25, "null"), "25000");
  EXPECT_EQ(Items(), "si_1 tier pro x25") << "the item itself keeps Stripe's number";
}

TEST_F(ShapesTest, OnlyMeteredPricesHaveNoAmountInAdvance) {
  PlanPrice metered = kPro;
  metered.metered = true;
  Play({PlanEvent{.items = {{.price = metered}}}.Body()});
  EXPECT_EQ(Row(), "price_demo_pro_monthly pro - 29");
}

TEST_F(ShapesTest, ShowsAPlatformUserTheOwnItemsOnly) {
  AddUser(mirror_.database, 2, {{"stripe_customer_id", "'cus_2'"}});
  Play({PlanEvent{}.Body(), PlanEvent{.event = "evt_2", .id = "sub_2", .customer = "cus_2"}.Body()});
  const LoginRole reader(mirror_.database);
  mirror_.database.Run("GRANT SELECT ON billing_subscription_items TO " + reader.name());
  const auto session = mirror_.database.Connect();
  db::Transaction tx(*session);
  tx.Exec("role", "SET LOCAL ROLE " + reader.name(), {});
  tx.Exec("user", "SET LOCAL app.current_user_id = '" + UserId(2) + "'", {});
  const auto rows = tx.Exec("items", "SELECT stripe_subscription_id FROM billing_subscription_items", {});
  EXPECT_EQ(rows.Only().Text("stripe_subscription_id"), "sub_2");
}

// ── Schedules ──

class ScheduleTest : public ShapesTest {
 protected:
  std::string Planned() {
    return mirror_.database.Value(
        "SELECT coalesce((extract(epoch FROM scheduled_change_at - to_timestamp(" + std::to_string(kAsOfSeconds) +
        "))::bigint / 86400)::text || ' ' || coalesce(scheduled_price_id, 'ends') || ' ' ||"
        " coalesce(scheduled_plan_tier::text, 'unknown'), 'nothing') FROM billing_subscriptions");
  }
  // All orders of the bodies, one event a batch: the same rows.
  void PlayInEveryOrder(std::vector<std::string> bodies) {
    std::ranges::sort(bodies);
    std::string rows;
    do {
      mirror_.database.Run(
          "DELETE FROM billing_subscriptions; DELETE FROM billing_subscription_schedules; DELETE FROM "
          "billing_customers;"
          "DELETE FROM billing_quota_anchors; DELETE FROM stripe_events;"
          "UPDATE users SET plan_tier = 'free', monthly_runs_quota = 100, stripe_subscription_id = NULL");
      for (const auto& body : bodies) {
        mirror_.Store(body);
        mirror_.Apply();
      }
      if (rows.empty()) rows = mirror_.Rows();
      EXPECT_EQ(mirror_.Rows(), rows);
    } while (std::ranges::next_permutation(bodies).found && !HasFailure());
  }
  static PlanEvent Sub(const std::string& event, long long created, const PlanPrice& price,
                       std::optional<std::string> schedule) {
    PlanEvent body{.event = event, .created = created, .items = {{.price = price}}};
    body.schedule = std::move(schedule);
    return body;
  }
  // enterprise until day 29, then pro.
  static ScheduleEvent Downgrade(const std::string& event = "evt_s1", const std::string& verb = "created",
                                 long long created = kT + 10) {
    return {.event = event,
            .verb = verb,
            .created = created,
            .phases = {{kAsOfSeconds - kDay, kAsOfSeconds + 29 * kDay, kEnt.id},
                       {kAsOfSeconds + 29 * kDay, kAsOfSeconds + 59 * kDay, kPro.id}}};
  }
};

TEST_F(ScheduleTest, AComingDowngradeIsVisibleInEveryOrder) {
  PlayInEveryOrder({Sub("evt_1", kT, kEnt, std::nullopt).Body(), Downgrade().Body(),
                    Sub("evt_2", kT + 10, kEnt, "sub_sched_1").Body()});
  EXPECT_EQ(Planned(), "29 price_demo_pro_monthly pro");
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
}

TEST_F(ScheduleTest, AComingDowngradeIsGoneOnceItsPhaseHasBegunWhateverTellsFirst) {
  const long long then = kAsOfSeconds + 29 * kDay + 5;
  auto renewed = Sub("evt_3", then, kPro, "sub_sched_1");
  renewed.items[0].period_start = kAsOfSeconds + 29 * kDay;
  renewed.items[0].period_end = kAsOfSeconds + 59 * kDay;
  auto moved = Downgrade("evt_s2", "updated", then);
  moved.current = 1;
  Play({Sub("evt_2", kT + 10, kEnt, "sub_sched_1").Body(), Downgrade().Body()});
  EXPECT_EQ(Planned(), "29 price_demo_pro_monthly pro");
  Play({renewed.Body()});
  EXPECT_EQ(Planned(), "nothing") << "the subscription alone";
  PlayInEveryOrder(
      {Sub("evt_2", kT + 10, kEnt, "sub_sched_1").Body(), Downgrade().Body(), renewed.Body(), moved.Body()});
  EXPECT_EQ(Planned(), "nothing");
}

TEST_F(ScheduleTest, AComingDowngradeIsGoneWhenTheScheduleIsReleased) {
  auto released = Downgrade("evt_s2", "released", kT + 100);
  released.status = "released";
  PlayInEveryOrder({Sub("evt_2", kT + 10, kEnt, "sub_sched_1").Body(), Downgrade().Body(), released.Body(),
                    Sub("evt_3", kT + 100, kEnt, std::nullopt).Body()});
  EXPECT_EQ(Planned(), "nothing");
}

TEST_F(ScheduleTest, AComingDowngradeIsGoneWhenTheSubscriptionShowsIt) {
  Play({Sub("evt_2", kT + 10, kEnt, "sub_sched_1").Body(), Downgrade().Body(),
        Sub("evt_3", kT + 100, kEnt, std::nullopt).Body()});
  EXPECT_EQ(Planned(), "nothing") << "the schedule's own event has not come";
}

TEST_F(ScheduleTest, EndedSchedulesPlanNothing) {
  for (const char* status : {"completed", "canceled"}) {
    auto ended = Downgrade("evt_" + std::string(status), status, kT + 100);
    ended.status = status;
    PlayInEveryOrder({Sub("evt_2", kT + 10, kEnt, "sub_sched_1").Body(), Downgrade().Body(), ended.Body()});
    EXPECT_EQ(Planned(), "nothing") << status;
  }
}

TEST_F(ScheduleTest, AComingEndIsVisible) {
  ScheduleEvent ending = Downgrade();
  ending.phases.pop_back();
  ending.end_behavior = "cancel";
  PlayInEveryOrder({Sub("evt_1", kT, kEnt, "sub_sched_1").Body(), ending.Body()});
  EXPECT_EQ(Planned(), "29 ends free");
  Play({PlanEvent{.event = "evt_9",
                  .created = kT + 50,
                  .items = {{.price = kEnt}},
                  .status = "canceled",
                  .type = "customer.subscription.deleted"}
            .Body()});
  EXPECT_EQ(Planned(), "nothing") << "it is over already";
}

// A base fee and its overage under one product: the row names the one, the phase may list the other first.
TEST_F(ScheduleTest, APhaseThatGoesOnAsItIsIsNoChangeWithSeveralPricesOfOneTier) {
  const PlanPrice base{.id = "price_b", .tier = "pro"}, overage{.id = "price_a", .tier = "pro"};
  PlanEvent two{.items = {{.id = "si_1", .price = base}, {.id = "si_2", .price = overage}}};
  two.schedule = "sub_sched_1";
  auto same = Downgrade();
  for (auto& phase : same.phases) {
    phase.price = base.id;
    phase.more = R"(,{"price":"price_a","quantity":1})";
  }
  PlayInEveryOrder({two.Body(), same.Body()});
  EXPECT_EQ(Planned(), "nothing");
}

TEST_F(ScheduleTest, AComingNumberOfSeatsIsVisible) {
  auto seats = Downgrade();
  seats.phases[0].price = seats.phases[1].price = kEnt.id;
  seats.phases[1].quantity = 7;
  PlayInEveryOrder({Sub("evt_1", kT, kEnt, "sub_sched_1").Body(), seats.Body()});
  EXPECT_EQ(Planned(), "29 price_demo_enterprise_monthly enterprise");
}

TEST_F(ScheduleTest, AnUnmappedPriceOfAComingPhaseIsNamedAndThenUnderstood) {
  ScheduleEvent coming = Downgrade();
  coming.phases[1].price = "price_new";
  Play({Sub("evt_1", kT, kEnt, "sub_sched_1").Body(), coming.Body()});
  EXPECT_EQ(Planned(), "29 price_new unknown");
  Play({PriceBody("evt_p", "created", kT, {.id = "price_new", .tier = "pro"})});
  EXPECT_EQ(Planned(), "29 price_new pro");
}

}  // namespace
}  // namespace billsync::testing
