// users.plan_tier and monthly_runs_quota follow the subscriptions, the overrides and the time.
#include "billsync/apply/entitlements.h"

#include <gtest/gtest.h>

#include "apply/entitlement_sweep_sql.h"
#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

class EntitlementTest : public ::testing::Test {
 protected:
  EntitlementTest() { AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}, {"monthly_runs_used", "42"}}); }

  int64_t Sweep(Instant now) {
    const auto options = DemoOptions();
    return apply::SweepEntitlements(*mirror_.pool().Acquire(), options.plans, options.policy, now);
  }
  void Override(const std::string& quota, const std::string& expires) {
    mirror_.database.Run(
        "INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason, expires_at) VALUES ('" + UserId(1) +
        "', " + quota + ", 'agreed with sales', " + expires + ")");
  }
  // "free 100 > pro 1000 sub_1 evt_1; …", oldest first.
  std::string Changes() {
    return mirror_.database.Value(
        "SELECT coalesce(string_agg(from_tier || ' ' || from_quota || ' > ' || to_tier || ' ' || to_quota || ' ' ||"
        " coalesce(stripe_subscription_id, '-') || ' ' || coalesce(event_id, '-'), '; ' ORDER BY id), '')"
        " FROM billing_plan_changes");
  }
  std::string LastCause() {
    return mirror_.database.Value("SELECT cause FROM billing_plan_changes ORDER BY id DESC LIMIT 1");
  }

  Mirror mirror_;
};

// Whoever is looked at is locked, and a lock leaves its mark on the row.
TEST_F(EntitlementTest, ADeadSubscriptionOfSomebodyWhoPaysThroughAnotherIsLookedAtOnce) {
  const auto looked_at = [&](Instant now) {
    const auto before = mirror_.database.Value("SELECT xmax FROM users");
    Sweep(now);
    return mirror_.database.Value("SELECT xmax FROM users") != before;
  };
  mirror_.Store(SubscriptionEvent{.event = "evt_dead", .id = "sub_dead", .status = "past_due"}.Body());
  mirror_.Store(SubscriptionEvent{.period_end = kAsOfSeconds + 300 * 86400}.Body());
  mirror_.Apply();
  EXPECT_FALSE(looked_at(kAsOf));
  EXPECT_TRUE(looked_at(kAsOf + std::chrono::days(8))) << "its grace is over";
  EXPECT_FALSE(looked_at(kAsOf + std::chrono::days(9)));
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  // It is due again when it has failed again.
  mirror_.Store(SubscriptionEvent{.event = "evt_ok", .created = kAsOfSeconds + 9 * 86400, .id = "sub_dead"}.Body());
  mirror_.Store(SubscriptionEvent{
      .event = "evt_again", .created = kAsOfSeconds + 10 * 86400, .id = "sub_dead", .status = "past_due"}
                    .Body());
  mirror_.Apply(DemoOptions(), kAsOf + std::chrono::days(10));
  EXPECT_FALSE(looked_at(kAsOf + std::chrono::days(11)));
  EXPECT_TRUE(looked_at(kAsOf + std::chrono::days(18)));
}

TEST_F(EntitlementTest, EveryChangeIsRecordedOnceWithItsCause) {
  mirror_.Store(SubscriptionEvent{.type = "customer.subscription.created"}.Body());
  mirror_.Apply();
  EXPECT_EQ(Changes(), "free 100 > pro 1000 sub_1 evt_1");
  EXPECT_EQ(LastCause(), "sub_1 is active");
  mirror_.Store(
      SubscriptionEvent{.event = "evt_up", .created = kAsOfSeconds - 100, .price = "price_demo_enterprise_monthly"}
          .Body());
  mirror_.Apply();
  mirror_.Store(SubscriptionEvent{.event = "evt_end",
                                  .type = "customer.subscription.deleted",
                                  .created = kAsOfSeconds - 50,
                                  .status = "canceled",
                                  .price = "price_demo_enterprise_monthly"}
                    .Body());
  mirror_.Apply();
  EXPECT_EQ(Changes(),
            "free 100 > pro 1000 sub_1 evt_1; pro 1000 > enterprise 10000 sub_1 evt_up; "
            "enterprise 10000 > free 100 sub_1 evt_end");
  EXPECT_EQ(LastCause(), "sub_1 is canceled");
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  EXPECT_EQ(mirror_.database.Value("SELECT monthly_runs_used FROM users WHERE id = '" + UserId(1) + "'"), "42");
}

TEST_F(EntitlementTest, GraceEndsByTimeAlone) {
  mirror_.Store(SubscriptionEvent{.created = kAsOfSeconds, .status = "past_due"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::days(7) - std::chrono::microseconds(1)), 0);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::days(7)), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  EXPECT_EQ(LastCause(), "sub_1 is past_due and its grace days are over");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::days(8)), 0) << "nothing is left to do";
}

TEST_F(EntitlementTest, ASubscriptionOfWhichStripeFellSilentEndsByTimeAlone) {
  mirror_.Store(SubscriptionEvent{.period_end = kAsOfSeconds + 3600}.Body());
  mirror_.Apply();
  const auto silent = kAsOf + std::chrono::hours(1) + std::chrono::days(7);
  EXPECT_EQ(Sweep(silent - std::chrono::microseconds(1)), 0);
  EXPECT_EQ(Sweep(silent), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  mirror_.Store(SubscriptionEvent{.event = "evt_late", .created = kAsOfSeconds + 7200}.Body());
  mirror_.Apply(DemoOptions(), silent);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000") << "Stripe spoke again";
}

TEST_F(EntitlementTest, TheOtherSubscriptionHoldsWhenOneFallsSilent) {
  mirror_.Store(SubscriptionEvent{
      .event = "evt_a", .id = "sub_a", .price = "price_demo_enterprise_monthly", .period_end = kAsOfSeconds + 3600}
                    .Body());
  mirror_.Store(SubscriptionEvent{.event = "evt_b", .id = "sub_b"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::days(8)), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(EntitlementTest, AQuotaOverrideHoldsUntilItExpires) {
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  Override("5000", "to_timestamp(" + std::to_string(kAsOfSeconds + 86400) + ")");
  EXPECT_EQ(Sweep(kAsOf), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 5000");
  mirror_.Store(
      SubscriptionEvent{.event = "evt_up", .created = kAsOfSeconds, .price = "price_demo_enterprise_monthly"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 5000");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::days(1) - std::chrono::microseconds(1)), 0);
  EXPECT_EQ(Sweep(kAsOf + std::chrono::days(1)), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
}

TEST_F(EntitlementTest, AnOverrideWorksForAUserWithoutSubscription) {
  mirror_.database.Run("UPDATE users SET plan_tier = 'pro', monthly_runs_quota = 1000 WHERE id = '" + UserId(1) + "'");
  Override("0", "NULL");
  EXPECT_EQ(Sweep(kAsOf), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 0");
  EXPECT_EQ(LastCause(), "quota override in force");
}

TEST_F(EntitlementTest, AnOverrideIsTheCauseOfWhatItChangesForSubscribersToo) {
  const auto last = [&] {
    return mirror_.database.Value(
        "SELECT concat_ws(' ', from_quota || '>' || to_quota, cause, stripe_subscription_id, event_id)"
        " FROM billing_plan_changes ORDER BY id DESC LIMIT 1");
  };
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  Override("5000", "to_timestamp(" + std::to_string(kAsOfSeconds + 60) + ")");
  EXPECT_EQ(Sweep(kAsOf), 1);
  EXPECT_EQ(last(), "1000>5000 quota override in force");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(1)), 1);
  EXPECT_EQ(last(), "5000>1000 quota override over");
  mirror_.database.Run("UPDATE billing_quota_overrides SET monthly_runs_quota = 7000, expires_at = NULL");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(2)), 1);
  mirror_.database.Run("DELETE FROM billing_quota_overrides");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(3)), 1);
  EXPECT_EQ(last(), "7000>1000 quota override over");
}

TEST_F(EntitlementTest, TakingAnOverrideAwayTakesItsQuotaAway) {
  AddUser(mirror_.database, 2, {{"plan_tier", "'pro'"}, {"monthly_runs_quota", "1000"}});
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  Override("5000", "NULL");
  mirror_.database.Run("INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason) VALUES ('" +
                       UserId(2) + "', 50, 'trial')");
  EXPECT_EQ(Sweep(kAsOf), 2);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 5000");
  EXPECT_EQ(mirror_.PlanOf(2), "pro 50");
  mirror_.database.Run("UPDATE billing_quota_overrides SET monthly_runs_quota = 6000 WHERE user_id = '" + UserId(1) +
                       "'");
  EXPECT_EQ(Sweep(kAsOf), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 6000");
  mirror_.database.Run("DELETE FROM billing_quota_overrides");
  EXPECT_EQ(Sweep(kAsOf), 2);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.PlanOf(2), "pro 1000");
  EXPECT_EQ(Sweep(kAsOf), 0);
}

TEST_F(EntitlementTest, AnOverrideThatEndedIsSeenToOnce) {
  Override("5000", "to_timestamp(" + std::to_string(kAsOfSeconds + 60) + ")");
  EXPECT_EQ(Sweep(kAsOf), 1);
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(1)), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  mirror_.database.Run("UPDATE users SET monthly_runs_quota = 5000 WHERE id = '" + UserId(1) + "'");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(2)), 0);
  EXPECT_EQ(mirror_.PlanOf(1), "free 5000") << "the platform gave it, not the override";
  mirror_.database.Run("UPDATE billing_quota_overrides SET expires_at = expires_at + interval '1 hour'");
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(3)), 0) << "in force again, with the same quota";
  EXPECT_EQ(Sweep(kAsOf + std::chrono::minutes(61)), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
}

// What the sweep reads grows with what is due, not with the users.
TEST_F(EntitlementTest, TheSweepReadsByIndex) {
  mirror_.database.Run(
      "INSERT INTO users (email, plan_tier) SELECT 'many' || n || '@example.com', 'pro' FROM generate_series(1, 20000) "
      "n;"
      "INSERT INTO billing_subscriptions (user_id, stripe_subscription_id, stripe_price_id, plan_tier, status,"
      " current_period_start, current_period_end) SELECT id, 'sub_' || email, 'price', 'pro', 'active', now(),"
      " to_timestamp(" +
      std::to_string(kAsOfSeconds + 86400) +
      ") FROM users WHERE email LIKE 'many%';"
      "ANALYZE users; ANALYZE billing_subscriptions");
  const auto session = mirror_.database.Connect();
  db::Transaction tx(*session, {.read_only = true});
  std::string plan;
  for (const db::Row row :
       tx.Exec("explain", "EXPLAIN " + std::string(apply::sql::kWhoseTimeIsUp.sql), db::Params::Of(kAsOf, 7, 7))) {
    plan += std::string(*row.Raw(0)) + "\n";
  }
  EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
}

TEST_F(EntitlementTest, AUserWithoutSubscriptionKeepsTheTier) {
  mirror_.database.Run("UPDATE users SET plan_tier = 'enterprise', monthly_runs_quota = 7 WHERE id = '" + UserId(1) +
                       "'");
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Store(CustomerEvent{}.Body());
  mirror_.Apply();
  Sweep(kAsOf + std::chrono::days(400));
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 7");
  EXPECT_EQ(Changes(), "");
}

TEST_F(EntitlementTest, StatusesThatDoNotEntitleMakeFree) {
  int user = 2;
  for (const char* status : {"incomplete", "incomplete_expired", "unpaid", "paused", "canceled", "of_the_future"}) {
    const std::string n = std::to_string(user);
    AddUser(mirror_.database, user++, {{"stripe_customer_id", "'cus_" + n + "'"}, {"plan_tier", "'pro'"}});
    mirror_.Store(
        SubscriptionEvent{.event = "evt_" + n, .id = "sub_" + n, .customer = "cus_" + n, .status = status}.Body());
  }
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT string_agg(DISTINCT plan_tier || ' ' || monthly_runs_quota, ',') FROM users "
                                   "WHERE stripe_customer_id IS NOT NULL"),
            "free 100");
}

TEST_F(EntitlementTest, AnotherPlanMapMovesTiersAndQuotasWithoutANewEvent) {
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Store(InvoiceEvent{}.Body());
  const auto session = mirror_.database.Connect();
  apply::AdoptPlanMap(*session, "map 1");
  mirror_.Apply();
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  apply::AdoptPlanMap(*session, "map 1");
  EXPECT_EQ(mirror_.Apply(), 0U) << "the same map is no reason to work";
  apply::AdoptPlanMap(*session, "map 2");
  auto options = DemoOptions();
  options.plans = billing::PlanMap({{billing::Tier::kEnterprise, 20000, {"price_demo_pro_monthly"}, {}, {}}}, {});
  EXPECT_EQ(mirror_.Apply(options), 1U) << "only what sets a subscription's row";
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 20000");
}

}  // namespace
}  // namespace billsync::testing
