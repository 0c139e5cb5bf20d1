// What prices mean by Stripe's catalog, whatever came first.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "plan_bodies.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

apply::ApplyOptions Options(int64_t batch = 256) {
  auto options = DemoOptions(batch);
  options.plans = billing::PlanMap({{.tier = billing::Tier::kPro,
                                     .monthly_runs_quota = 1000,
                                     .prices = {"price_demo_pro_monthly"},
                                     .products = {},
                                     .lookup_keys = {"key_pro"},
                                     .features = {}},
                                    {.tier = billing::Tier::kEnterprise,
                                     .monthly_runs_quota = 10000,
                                     .prices = {},
                                     .products = {"prod_ent"},
                                     .lookup_keys = {"key_ent"},
                                     .features = {}}},
                                   {"price_seat"});
  return options;
}

class PriceMeaningTest : public ::testing::Test {
 protected:
  PriceMeaningTest() { AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}}); }

  void Forget() {
    mirror_.database.Run(
        "DELETE FROM billing_subscriptions; DELETE FROM billing_subscription_schedules; DELETE FROM billing_prices;"
        "DELETE FROM billing_products; DELETE FROM billing_reviews; DELETE FROM billing_customers;"
        "DELETE FROM billing_plan_changes; DELETE FROM billing_quota_anchors; DELETE FROM stripe_events;"
        "UPDATE users SET plan_tier = 'free', monthly_runs_quota = 100, stripe_subscription_id = NULL");
  }

  // Every order of the bodies, each event in a batch of its own, and all in one batch: the same rows. Returns them.
  std::string SameInEveryOrder(std::vector<std::string> bodies) {
    std::ranges::sort(bodies);
    for (const auto& body : bodies) mirror_.Store(body);
    mirror_.Apply(Options());
    const std::string rows = mirror_.Rows();
    const std::string statuses = Statuses();
    do {
      Forget();
      for (const auto& body : bodies) {
        mirror_.Store(body);
        mirror_.Apply(Options(1));
      }
      EXPECT_EQ(mirror_.Rows(), rows);
      // A snapshot that an older one of its own subscription explains is attempted again by its back-off.
      mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() WHERE status = 'parked'");
      mirror_.Apply(Options(1));
      EXPECT_EQ(Statuses(), statuses);
      EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_reviews"), "0");
    } while (std::ranges::next_permutation(bodies).found && !HasFailure());
    return rows;
  }
  std::string Statuses() {
    return mirror_.database.Value(
        "SELECT string_agg(id || ' ' || status || coalesce(' ' || reason, ''), ', ' ORDER BY id) FROM stripe_events");
  }
  std::string Meanings() {
    return mirror_.database.Value(
        "SELECT string_agg(item_id || ' ' || meaning || coalesce(' ' || plan_tier, ''), ', ' ORDER BY item_id)"
        " FROM billing_subscription_items");
  }
  static std::vector<PlanItem> Item(const PlanPrice& price) { return {PlanItem{.id = "si_1", .price = price}}; }

  static constexpr long long kT = kAsOfSeconds - 3600;
  Mirror mirror_;
};

TEST_F(PriceMeaningTest, ComesFromTheMetadataOfTheCatalogInEveryOrder) {
  const PlanPrice bare{.id = "price_x", .product = "prod_x"};
  PlanPrice told = bare;
  told.tier = "enterprise";
  SameInEveryOrder({PlanEvent{.event = "evt_1", .created = kT, .items = Item(bare)}.Body(),
                    PlanEvent{.event = "evt_2", .created = kT + 20, .items = Item(bare), .status = "past_due"}.Body(),
                    PriceBody("evt_p1", "created", kT - 100, bare), PriceBody("evt_p2", "updated", kT + 10, told)});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(Meanings(), "si_1 tier enterprise");
  EXPECT_EQ(Statuses(), "evt_1 applied, evt_2 applied, evt_p1 applied, evt_p2 applied");
}

TEST_F(PriceMeaningTest, ComesFromTheMetadataOfItsProductInEveryOrder) {
  const PlanPrice bare{.id = "price_x", .product = "prod_x"};
  SameInEveryOrder({PlanEvent{.created = kT, .items = Item(bare)}.Body(),
                    ProductBody("evt_q1", "created", kT - 100, "prod_x", std::nullopt),
                    ProductBody("evt_q2", "updated", kT + 100, "prod_x", "pro")});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(PriceMeaningTest, ComesFromAProductThatOnlyThePriceEventNames) {
  SameInEveryOrder({PlanEvent{.created = kT, .items = Item({.id = "price_x"})}.Body(),
                    PriceBody("evt_p", "created", kT - 5, {.id = "price_x", .product = "prod_y"}),
                    ProductBody("evt_q", "created", kT - 5, "prod_y", "enterprise")});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(mirror_.database.Value("SELECT product_id FROM billing_subscription_items"), "prod_y");
}

TEST_F(PriceMeaningTest, StaysWithWhoBoughtThePriceWhenItsLookupKeyMovesOn) {
  const PlanPrice with_key{.id = "price_a", .lookup_key = "key_pro"};
  const PlanPrice without{.id = "price_a"};
  SameInEveryOrder({PlanEvent{.created = kT, .items = Item(with_key)}.Body(),
                    PriceBody("evt_a", "updated", kT + 50, without),
                    PriceBody("evt_b", "updated", kT + 50, {.id = "price_b", .lookup_key = "key_pro"}),
                    PlanEvent{.event = "evt_2", .created = kT + 90, .items = Item(without)}.Body()});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(Statuses(), "evt_1 applied, evt_2 applied, evt_a applied, evt_b applied");
}

TEST_F(PriceMeaningTest, FollowsALookupKeyThatChangesItsTier) {
  const PlanPrice pro{.id = "price_a", .lookup_key = "key_pro"};
  const PlanPrice ent{.id = "price_a", .lookup_key = "key_ent"};
  SameInEveryOrder({PlanEvent{.created = kT, .items = Item(pro)}.Body(), PriceBody("evt_p1", "created", kT - 50, pro),
                    PriceBody("evt_p2", "updated", kT + 50, ent)});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(mirror_.database.Value("SELECT past_lookup_keys FROM billing_prices"), "{key_pro}");
}

TEST_F(PriceMeaningTest, StaysWithWhoHasADeletedPrice) {
  const PlanPrice told{.id = "price_x", .product = "prod_x", .tier = "pro"};
  const PlanPrice bare{.id = "price_x", .product = "prod_x"};
  SameInEveryOrder({PlanEvent{.created = kT, .items = Item(bare)}.Body(), PriceBody("evt_p1", "created", kT - 50, told),
                    PriceBody("evt_p2", "deleted", kT + 50, told),
                    ProductBody("evt_q", "deleted", kT + 60, "prod_x", std::nullopt)});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT deleted || ' ' || active FROM billing_prices"), "true false");
}

// The downgrade is held by what a price means that the subscription has no more.
TEST_F(PriceMeaningTest, MattersForAPriceThatWasGivenUpAsWell) {
  const PlanPrice old_price{.id = "price_old", .tier = "pro"};
  PlanPrice old_told = old_price;
  old_told.tier = "enterprise";
  SameInEveryOrder({PlanEvent{.created = kT, .items = Item(old_price)}.Body(),
                    PlanEvent{.event = "evt_2", .created = kT + 60, .items = Item(PlanPrice{})}.Body(),
                    PriceBody("evt_p", "updated", kT + 30, old_told)});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(mirror_.database.Value("SELECT plan_tier || ' ' || held_plan_tier FROM billing_subscriptions"),
            "pro enterprise");
}

TEST_F(PriceMeaningTest, ReachesEverySubscriptionOfThePriceInPieces) {
  mirror_.database.Run(
      "INSERT INTO users (email, stripe_customer_id) SELECT 'many' || n || '@example.com', 'cus_many' || n"
      " FROM generate_series(1, 1203) n");
  const PlanPrice bare{.id = "price_x"};
  PlanEvent event{.items = Item(bare)};
  for (int n = 1; n <= 1203; ++n) {
    event.event = "evt_many" + std::to_string(n);
    event.id = "sub_many" + std::to_string(n);
    event.customer = "cus_many" + std::to_string(n);
    mirror_.Store(event.Body());
  }
  mirror_.Apply(Options());
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_subscriptions"), "0") << "nobody knows the price";
  const std::string pro = "SELECT count(*) FROM users WHERE plan_tier = 'pro'";
  const std::string ent = "SELECT count(*) FROM users WHERE plan_tier = 'enterprise'";
  PlanPrice told = bare;
  told.tier = "pro";
  mirror_.Store(PriceBody("evt_p1", "updated", kT + 10, told));
  mirror_.Apply(Options());
  EXPECT_EQ(mirror_.database.Value(pro), "1203");
  told.tier = "enterprise";
  mirror_.Store(PriceBody("evt_p2", "updated", kT + 20, told));
  mirror_.Apply(Options());
  EXPECT_EQ(mirror_.database.Value(ent), "1203");
}

TEST_F(PriceMeaningTest, ReachesAParkedSubscriptionWithinASecond) {
  mirror_.Store(PlanEvent{.items = Item({.id = "price_x"})}.Body());
  mirror_.Apply(Options());
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unmapped_price");
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  apply::Applier applier(mirror_.pool(), Options(), [] { return kAsOf; });
  applier.Start();
  mirror_.Store(PriceBody("evt_p", "updated", kT + 10, {.id = "price_x", .tier = "pro"}));
  const auto stored = std::chrono::steady_clock::now();
  while (mirror_.PlanOf(1) != "pro 1000" && std::chrono::steady_clock::now() - stored < std::chrono::seconds(20)) {
    std::this_thread::yield();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - stored, std::chrono::seconds(2));
  applier.Stop();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
}

TEST_F(PriceMeaningTest, AsksForNoReviewWhenNobodyIsConcerned) {
  mirror_.Store(PriceBody("evt_p", "created", kT, {.id = "price_x", .tier = "pro"}));
  mirror_.Store(ProductBody("evt_q", "created", kT, "prod_x", "pro"));
  EXPECT_EQ(mirror_.Apply(Options()), 2U);
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) || ' ' || (SELECT last_value FROM billing_reviews_id_seq) FROM "
                                   "billing_prices"),
            "1 1");
}

// A subscription that cannot be written any more must not hold up the others that are looked at again.
TEST_F(PriceMeaningTest, IsLookedAtAgainPastASubscriptionThatFails) {
  AddUser(mirror_.database, 2, {{"stripe_customer_id", "'cus_2'"}});
  const PlanPrice bare{.id = "price_x", .tier = "pro"};
  mirror_.Store(PlanEvent{.event = "evt_1", .items = Item(bare)}.Body());
  mirror_.Store(PlanEvent{.event = "evt_2", .items = Item(bare), .id = "sub_2", .customer = "cus_2"}.Body());
  mirror_.Apply(Options());
  mirror_.database.Run(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = "
      "'23514'; END $$; CREATE TRIGGER refuse BEFORE UPDATE ON billing_subscriptions FOR EACH ROW WHEN "
      "(OLD.stripe_subscription_id = 'sub_1') EXECUTE FUNCTION refuse()");
  PlanPrice told = bare;
  told.tier = "enterprise";
  mirror_.Store(PriceBody("evt_p", "updated", kT + 10, told));
  mirror_.Apply(Options());
  EXPECT_EQ(mirror_.PlanOf(2), "enterprise 10000");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked apply_failed");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_reviews"), "0");
}

}  // namespace
}  // namespace billsync::testing
