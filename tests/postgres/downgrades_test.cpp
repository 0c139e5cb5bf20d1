// Upgrades act at once, downgrades when what was paid for ends; the quota begins anew on the day a user is billed.
#include <gtest/gtest.h>

#include <algorithm>

#include "billsync/apply/entitlements.h"
#include "plan_bodies.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

using std::chrono::days;

constexpr long long kDay = 86400;
constexpr long long kT = kAsOfSeconds - 3600;
const PlanPrice kPro{.id = "price_demo_pro_monthly"};
const PlanPrice kEnt{.id = "price_demo_enterprise_monthly", .unit_amount = 9900};
const PlanPrice kSeat{.id = "price_demo_seat_addon"};

class DowngradeTest : public ::testing::Test {
 protected:
  DowngradeTest() { AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}}); }

  static std::string Sub(const std::string& event, long long created, const PlanPrice& price,
                         const std::string& status = "active", const std::string& more = "") {
    PlanEvent body{.event = event, .created = created, .items = {{.price = price}}, .status = status};
    if (status == "canceled") body.type = "customer.subscription.deleted";
    body.more = more;
    return body.Body();
  }
  void Play(const std::vector<std::string>& bodies, const apply::ApplyOptions& options = DemoOptions()) {
    for (const auto& body : bodies) {
      mirror_.Store(body);
      mirror_.Apply(options);
    }
  }
  int64_t Sweep(Instant now, const apply::ApplyOptions& options = DemoOptions()) {
    return apply::SweepEntitlements(*mirror_.pool().Acquire(), options.plans, options.policy, now);
  }
  std::string Changes() {
    return mirror_.database.Value(
        "SELECT coalesce(string_agg(from_tier || ' > ' || to_tier || ' ' || coalesce(event_id, '-'), '; ' ORDER BY id),"
        " '') FROM billing_plan_changes");
  }
  Mirror mirror_;
};

TEST_F(DowngradeTest, ActsWhenThePaidPeriodEndsAndNotBefore) {
  Play({Sub("evt_1", kT, kEnt), Sub("evt_2", kT + 60, kPro)});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(Changes(), "free > enterprise evt_1") << "nothing has changed for the user yet";
  const Instant end = kAsOf + days(29);
  EXPECT_EQ(Sweep(end - std::chrono::microseconds(1)), 0);
  EXPECT_EQ(Sweep(end), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(Changes(), "free > enterprise evt_1; enterprise > pro evt_2");
  EXPECT_EQ(mirror_.database.Value("SELECT cause FROM billing_plan_changes ORDER BY id DESC LIMIT 1"),
            "sub_1 is active; it was paid for enterprise until 2026-12-19T12:00:00.000000Z");
  EXPECT_EQ(Sweep(end + days(1)), 0);
}

TEST_F(DowngradeTest, IsTheSameInEveryOrderOfItsEvents) {
  std::vector<std::string> bodies = {Sub("evt_1", kT, kEnt), Sub("evt_2", kT + 60, kPro),
                                     Sub("evt_3", kT + 90, kPro, "active", ",\"description\":\"changed\"")};
  do {
    mirror_.database.Run(
        "DELETE FROM billing_subscriptions; DELETE FROM stripe_events; UPDATE users SET plan_tier = 'free'");
    Play(bodies);
    EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
    EXPECT_EQ(mirror_.database.Value("SELECT plan_tier || ' ' || held_plan_tier FROM billing_subscriptions"),
              "pro enterprise");
  } while (std::ranges::next_permutation(bodies).found);
}

TEST_F(DowngradeTest, OfWhatIsNotPaidOrNotEntitlingActsAtOnce) {
  Play({Sub("evt_1", kT, kEnt, "trialing"), Sub("evt_2", kT + 60, kPro)});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000") << "a trial holds nothing";
  Play({Sub("evt_3", kT + 70, kEnt), Sub("evt_4", kT + 80, kPro)});
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  Play({Sub("evt_5", kT + 90, kPro, "unpaid")});
  EXPECT_EQ(mirror_.PlanOf(1), "free 100") << "an unpaid subscription holds nothing";
  Play({Sub("evt_6", kT + 100, kPro, "canceled")});
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
}

// ── What was never paid for ──

class UnpaidDowngradeTest : public DowngradeTest {
 protected:
  static std::string Billed(const std::string& event, long long created, const PlanPrice& price,
                            const std::string& invoice, const std::string& status = "active") {
    return Sub(event, created, price, status, ",\"latest_invoice\":\"" + invoice + "\"");
  }
  // As Stripe tells of it at `created`; finalized at `finalized` unless that is 0.
  static std::string Invoice(const std::string& event, long long created, const std::string& id,
                             const std::string& status, long long finalized) {
    return EventBody(event, "invoice.updated", created,
                     R"("id":")" + id + R"(","object":"invoice","customer":"cus_1","status":")" + status +
                         R"(","currency":"usd","total":8900,"amount_due":8900,"subscription":"sub_1",)"
                         R"("status_transitions":{"finalized_at":)" +
                         (finalized == 0 ? "null" : std::to_string(finalized)) + "}");
  }
  // Played one by one in every order, each time from the beginning: the same user and the same rows.
  void ExpectInEveryOrder(std::vector<std::string> bodies, const std::string& plan) {
    std::ranges::sort(bodies);
    std::string rows;
    do {
      mirror_.database.Run(
          "DELETE FROM billing_subscriptions; DELETE FROM billing_invoices; DELETE FROM billing_customers;"
          "DELETE FROM billing_quota_anchors; DELETE FROM stripe_events;"
          "UPDATE users SET plan_tier = 'free', monthly_runs_quota = 100, stripe_subscription_id = NULL");
      Play(bodies);
      EXPECT_EQ(mirror_.PlanOf(1), plan);
      if (rows.empty()) rows = mirror_.Rows();
      EXPECT_EQ(mirror_.Rows(), rows);
    } while (std::ranges::next_permutation(bodies).found && !HasFailure());
    mirror_.Apply(DemoOptions(), kAsOf + days(2));
    EXPECT_EQ(mirror_.PlanOf(1), plan);
  }
};

TEST_F(UnpaidDowngradeTest, AnUpgradeThatNoInvoiceBilledIsNotHeld) {
  ExpectInEveryOrder({Billed("evt_1", kT, kPro, "in_1"), Billed("evt_2", kT + 60, kEnt, "in_1"),
                      Billed("evt_3", kT + 70, kPro, "in_1"), Invoice("evt_i", kT + 1, "in_1", "paid", kT)},
                     "pro 1000");
}

TEST_F(UnpaidDowngradeTest, AnUpgradeWithinTheSecondOfTheDowngradeIsNotHeld) {
  ExpectInEveryOrder(
      {Billed("evt_1", kT, kPro, "in_1"), Billed("evt_2", kT, kEnt, "in_1"), Billed("evt_3", kT + 1, kPro, "in_1")},
      "pro 1000");
}

TEST_F(UnpaidDowngradeTest, AnUpgradeWhoseInvoiceWasVoidedIsNotHeldThoughThePaymentFailedAfterwards) {
  ExpectInEveryOrder({Billed("evt_1", kT, kPro, "in_1"), Billed("evt_2", kT + 60, kEnt, "in_2"),
                      Billed("evt_3", kT + 70, kPro, "in_2"), Billed("evt_4", kT + 160, kPro, "in_2"),
                      Invoice("evt_i", kT + 150, "in_2", "void", kT + 60)},
                     "pro 1000");
}

TEST_F(UnpaidDowngradeTest, ARenewalThatWasStillADraftWhenThePlanWasLoweredIsNotHeld) {
  ExpectInEveryOrder(
      {Billed("evt_2", kT + 16, kEnt, "in_2"), Billed("evt_3", kT + 17, kPro, "in_2"),
       Invoice("evt_i", kT + 15, "in_2", "draft", 0), Invoice("evt_p", kT + 3500, "in_2", "paid", kT + 3500)},
      "pro 1000");
}

TEST_F(UnpaidDowngradeTest, AnUpgradeWhoseInvoiceIsPaidIsHeldWhicheverIsHeardOfFirst) {
  ExpectInEveryOrder(
      {Billed("evt_2", kT + 60, kEnt, "in_2"), Billed("evt_3", kT + 90, kPro, "in_2"),
       Invoice("evt_o", kT + 60, "in_2", "open", kT + 60), Invoice("evt_p", kT + 62, "in_2", "paid", kT + 60)},
      "enterprise 10000");
}

TEST_F(UnpaidDowngradeTest, AnInvoiceNobodyToldOfIsTakenAsPaidWhileTheSubscriptionIsActive) {
  ExpectInEveryOrder({Billed("evt_2", kT + 60, kEnt, "in_2"), Billed("evt_3", kT + 90, kPro, "in_2")},
                     "enterprise 10000");
}

TEST_F(DowngradeTest, ToAddOnsOnlyIsHeldAsWell) {
  Play({Sub("evt_1", kT, kPro), Sub("evt_2", kT + 60, kSeat)});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(Sweep(kAsOf + days(29)), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
}

TEST_F(DowngradeTest, EndsWithTheRenewal) {
  PlanEvent renewed{.event = "evt_3", .created = kAsOfSeconds + 29 * kDay + 16, .items = {{.price = kPro}}};
  renewed.items[0].period_start = kAsOfSeconds + 29 * kDay;
  renewed.items[0].period_end = kAsOfSeconds + 59 * kDay;
  Play({Sub("evt_1", kT, kEnt), Sub("evt_2", kT + 60, kPro)});
  mirror_.Store(renewed.Body());
  mirror_.Apply(DemoOptions(), kAsOf + days(29) + std::chrono::seconds(20));
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT held_until IS NULL FROM billing_subscriptions"), "t");
  EXPECT_EQ(Changes(), "free > enterprise evt_1; enterprise > pro evt_3");
}

TEST_F(DowngradeTest, ActsAtOnceWhereTheConfigurationSaysSo) {
  auto options = DemoOptions();
  options.policy.hold_downgrades = false;
  Play({Sub("evt_1", kT, kEnt), Sub("evt_2", kT + 60, kPro)}, options);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(DowngradeTest, AddsNoRowToTheLedgerWhenAppliedAgain) {
  Play({Sub("evt_1", kT, kEnt), Sub("evt_2", kT + 60, kPro)});
  const std::string before = Changes();
  for (int n = 0; n < 3; ++n) {
    mirror_.database.Run("UPDATE stripe_events SET status = 'received', next_attempt_at = now()");
    mirror_.Apply(DemoOptions(1));
    EXPECT_EQ(Changes(), before);
  }
}

TEST_F(DowngradeTest, AScheduledCancellationEntitlesUntilItComesAndThenAsLongAsSilence) {
  const std::string cancel_at = ",\"cancel_at\":" + std::to_string(kAsOfSeconds + 3 * kDay);
  Play({Sub("evt_1", kT, kPro, "active", cancel_at)});
  EXPECT_EQ(Sweep(kAsOf + days(10) - std::chrono::microseconds(1)), 0);
  EXPECT_EQ(Sweep(kAsOf + days(10)), 1) << "three days and seven of silence";
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
}

TEST_F(DowngradeTest, APausedCollectionEntitlesIfThePolicySaysSo) {
  const std::string paused = ",\"pause_collection\":{\"behavior\":\"void\"}";
  Play({Sub("evt_1", kT, kPro, "active", paused)});
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  auto strict = DemoOptions();
  strict.policy.pause_collection_entitles = false;
  apply::AdoptPlanMap(*mirror_.database.Connect(), "stricter");
  mirror_.Apply(strict);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  Play({Sub("evt_2", kT + 60, kPro)}, strict);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000") << "resumed";
}

TEST_F(DowngradeTest, TheUserNamesTheSubscriptionThatEntitlesElseTheBestOfTheOthers) {
  PlanEvent other{.event = "evt_o", .created = kT, .items = {{.price = kEnt}}, .id = "sub_2"};
  const std::string named = "SELECT stripe_subscription_id FROM users WHERE id = '" + UserId(1) + "'";
  Play({Sub("evt_1", kT, kPro), other.Body()});
  EXPECT_EQ(mirror_.database.Value(named), "sub_2");
  other.event = "evt_p";
  other.created = kT + 60;
  other.status = "canceled";
  other.type = "customer.subscription.deleted";
  Play({other.Body()});
  EXPECT_EQ(mirror_.database.Value(named), "sub_1");
  Play({Sub("evt_2", kT + 60, kPro, "canceled")});
  EXPECT_EQ(mirror_.database.Value(named), "sub_2") << "the higher tier of what is left";
}

TEST_F(DowngradeTest, ADeletedUserIsKeptInStep) {
  mirror_.database.Run("UPDATE users SET deleted_at = now() WHERE id = '" + UserId(1) + "'");
  Play({Sub("evt_1", kT, kPro)});
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

// ── Quota anchors ──

class AnchorTest : public DowngradeTest {
 protected:
  std::string Anchor() {
    return mirror_.database.Value("SELECT anchor_day || ' ' || source FROM billing_quota_anchors WHERE user_id = '" +
                                  UserId(1) + "'");
  }
  std::string ResetDate() {
    return mirror_.database.Value("SELECT quota_reset_date FROM users WHERE id = '" + UserId(1) + "'");
  }
  static std::string Anchored(const std::string& date) {
    return ",\"billing_cycle_anchor\":" + std::to_string(UnixSeconds(*ParseInstant(date + "T10:00:00Z")));
  }
};

TEST_F(AnchorTest, TheQuotaBeginsAnewOnTheBillingDayFromTheNextResetOn) {
  mirror_.database.Run("UPDATE users SET quota_reset_date = '2026-12-15', created_at = '2026-01-15' WHERE id = '" +
                       UserId(1) + "'");
  const std::string start = "SELECT billing_quota_period_start('" + UserId(1) + "')::date";
  const std::string before = mirror_.database.Value(start);
  Play({Sub("evt_1", kT, kPro, "active", Anchored("2026-11-20"))});
  EXPECT_EQ(Anchor(), "20 stripe");
  EXPECT_EQ(ResetDate(), "2026-12-15") << "the running period is not touched";
  EXPECT_EQ(mirror_.database.Value(start), before);
  mirror_.database.Run("SELECT billing_reset_quotas('2026-12-15')");
  EXPECT_EQ(ResetDate(), "2026-12-20");
  mirror_.database.Run("SELECT billing_reset_quotas('2026-12-20')");
  EXPECT_EQ(ResetDate(), "2027-01-20");
}

TEST_F(AnchorTest, TheBillingDayFollowsStripeButNotOverAPerson) {
  Play({Sub("evt_1", kT, kPro, "active", Anchored("2026-01-31"))});
  EXPECT_EQ(Anchor(), "31 stripe");
  Play({Sub("evt_2", kT + 60, kPro, "active", Anchored("2026-11-05"))});
  EXPECT_EQ(Anchor(), "5 stripe");
  mirror_.database.Run("UPDATE billing_quota_anchors SET anchor_day = 1, source = 'support'");
  Play({Sub("evt_3", kT + 90, kPro, "active", Anchored("2026-11-07"))});
  EXPECT_EQ(Anchor(), "1 support");
}

TEST_F(AnchorTest, OnlyASubscriptionThatEntitlesByTheMonthOrYearSetsTheDay) {
  PlanPrice weekly = kPro;
  weekly.interval = "week";
  Play({Sub("evt_1", kT, weekly, "active", Anchored("2026-11-05")),
        Sub("evt_2", kT + 60, kPro, "unpaid", Anchored("2026-11-06"))});
  EXPECT_EQ(Anchor(), "6 stripe") << "none entitles: the last that was billed by the month";
  Play({Sub("evt_3", kT + 90, kPro, "incomplete", Anchored("2026-11-07"))});
  EXPECT_EQ(Anchor(), "6 stripe") << "incomplete is before all else";
}

TEST_F(AnchorTest, NothingThatNeverBeganSetsTheDay) {
  Play({Sub("evt_1", kT, kPro, "incomplete", Anchored("2026-11-07"))});
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_quota_anchors"), "0");
}

TEST_F(AnchorTest, TheDayIsTheSameInEveryOrderOfAnEndAndWhatCameBefore) {
  std::vector<std::string> bodies = {Sub("evt_1", kT, kPro, "active", Anchored("2026-11-20")),
                                     Sub("evt_2", kT + 60, kPro, "unpaid", Anchored("2026-11-20")),
                                     Sub("evt_3", kT + 90, kPro, "canceled", Anchored("2026-11-20"))};
  do {
    mirror_.database.Run(
        "DELETE FROM billing_subscriptions; DELETE FROM stripe_events; DELETE FROM billing_quota_anchors");
    Play(bodies);
    EXPECT_EQ(Anchor(), "20 stripe");
  } while (std::ranges::next_permutation(bodies).found);
}

TEST_F(AnchorTest, TheConfiguredDayCountsWhereTheMonthOfTheAnchorWasTooShortForIt) {
  const auto config = [](int day) {
    return ",\"billing_cycle_anchor_config\":{\"day_of_month\":" + std::to_string(day) + "}";
  };
  Play({Sub("evt_1", kT, kPro, "active", Anchored("2026-11-30") + config(31))});
  EXPECT_EQ(Anchor(), "31 stripe");
  Play({Sub("evt_2", kT + 60, kPro, "active", Anchored("2026-11-30"))});
  EXPECT_EQ(Anchor(), "31 stripe") << "an older version does not show the configuration";
  Play({Sub("evt_3", kT + 90, kPro, "active", Anchored("2026-11-12"))});
  EXPECT_EQ(Anchor(), "12 stripe") << "it belongs to another anchor";
}

}  // namespace
}  // namespace billsync::testing
