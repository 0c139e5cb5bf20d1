// What a process that starts puts in force, and what becomes of what others wrote before.
#include <gtest/gtest.h>

#include <future>

#include "billsync/apply/entitlements.h"
#include "billsync/db/migrator.h"
#include "mirror.h"
#include "money_events.h"
#include "platform_rows.h"
#include "support/login_role.h"

namespace billsync::testing {
namespace {

class AdoptionTest : public ::testing::Test {
 protected:
  AdoptionTest() { AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}}); }
  void Adopt(const std::string& map, std::optional<int64_t> free_quota = std::nullopt) {
    apply::AdoptPlanMap(*mirror_.pool().Acquire(), map, free_quota);
  }
  static apply::ApplyOptions OptionsOf(const std::string& map) {
    auto options = DemoOptions();
    options.plan_fingerprint = map;
    return options;
  }
  void ReadTypes() { apply::AdoptReadTypes(*mirror_.pool().Acquire()); }
  std::string Credited() {
    return mirror_.database.Value("SELECT amount_credited_minor || ' ' || amount_credited_usd FROM billing_invoices");
  }

  Mirror mirror_;
};

TEST_F(AdoptionTest, OfAnotherPlanMapEndsApplyingAndSweepingByThisOne) {
  Adopt("map 1");
  mirror_.Store(SubscriptionEvent{}.Body());
  Adopt("map 2");
  EXPECT_THROW(mirror_.Apply(OptionsOf("map 1")), apply::PlanMapSuperseded);
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "received") << "the event is not to blame";
  mirror_.database.Run(
      "INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason) SELECT id, 7, 'agreed' FROM users");
  const auto options = DemoOptions();
  const auto sweep = [&](const std::string& map) {
    return apply::SweepEntitlements(*mirror_.pool().Acquire(), options.plans, options.policy, kAsOf, map);
  };
  EXPECT_THROW(sweep("map 1"), apply::PlanMapSuperseded);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  mirror_.Apply(OptionsOf("map 2"));
  EXPECT_EQ(mirror_.PlanOf(1), "pro 7");
  EXPECT_EQ(sweep("map 2"), 0);
}

TEST_F(AdoptionTest, WaitsForBatchesUnderWay) {
  const auto other = mirror_.database.Connect();
  db::Transaction batch(*other);
  batch.Exec("test", "SELECT pg_advisory_xact_lock_shared(7243392, 17)", {});
  auto adopted = std::async(std::launch::async, [&] { Adopt("map 1"); });
  while (mirror_.database.Value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "0") {
    ASSERT_EQ(adopted.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout) << "it did not wait";
  }
  batch.Commit();
  adopted.get();
}

TEST_F(AdoptionTest, OfAnotherFreeQuotaReachesFreeUsersWhoHaveTheFormerOne) {
  AddUser(mirror_.database, 2, {{"monthly_runs_quota", "250"}});
  AddUser(mirror_.database, 3);
  mirror_.Store(SubscriptionEvent{}.Body());
  Adopt("map 1", 100);
  mirror_.Apply();
  Adopt("map 2", 200);
  auto options = DemoOptions();
  options.plans = billing::PlanMap(
      {{billing::Tier::kFree, 200, {}, {}, {}}, {billing::Tier::kPro, 1000, {"price_demo_pro_monthly"}, {}, {}}}, {});
  mirror_.Apply(options);
  apply::SweepEntitlements(*mirror_.pool().Acquire(), options.plans, options.policy, kAsOf);
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.PlanOf(2), "free 250") << "a quota that somebody set stays";
  EXPECT_EQ(mirror_.PlanOf(3), "free 200");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_reviews"), "0");
}

// As a release stored them that read neither.
TEST_F(AdoptionTest, OfTypesReadsWhatWasStoredAsIgnored) {
  mirror_.Store(PaidInvoiceEvent{.payment_intent = "pi_1"}.Body());
  mirror_.Store(RefundEvent{}.Body());
  mirror_.Store(InvoiceEvent{.event = "evt_never", .type = "invoice.of_the_future"}.Body());
  mirror_.Store(EventBody("evt_summary", "entitlements.active_entitlement_summary.updated", kAsOfSeconds,
                          R"("object":"entitlements.active_entitlement_summary","customer":"cus_1","livemode":false,)"
                          R"("entitlements":{"object":"list","data":[],"has_more":false})"));
  mirror_.database.Run(
      "UPDATE stripe_events SET status = 'ignored', reason = 'type_not_used' WHERE id <> 'evt_invoice';"
      "UPDATE stripe_events SET object_id = NULL WHERE id = 'evt_summary'");
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_refund"), "ignored type_not_used");
  ReadTypes();
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_refund"), "applied");
  EXPECT_EQ(mirror_.StatusOf("evt_summary"), "applied");
  EXPECT_EQ(mirror_.StatusOf("evt_never"), "ignored type_not_used");
  EXPECT_EQ(mirror_.database.Value("SELECT amount_refunded_minor FROM billing_invoices"), "1000");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_reviews"), "0");
  mirror_.database.Run("UPDATE stripe_events SET status = 'ignored', reason = 'type_not_used' WHERE id = 'evt_refund'");
  ReadTypes();
  EXPECT_EQ(mirror_.Apply(), 0U) << "the same types are no reason to look again";
}

// A row of the release before 0005 knows the credited amount and not what it consists of.
TEST_F(AdoptionTest, OfARowFromBeforeCreditNotesKeepsItsCreditUntilItIsMadeAnew) {
  mirror_.Store(PaidInvoiceEvent{.post_payment_credit = 5000}.Body());
  mirror_.Apply();
  EXPECT_EQ(Credited(), "5000 50.00");
  mirror_.database.Run("UPDATE billing_invoices SET credited_as_of = NULL, credited_by_snapshot_minor = NULL");
  mirror_.Store(CreditNoteEvent{.amount = 300}.Body());
  mirror_.Apply();
  EXPECT_EQ(Credited(), "5000 50.00");
  mirror_.database.Run(
      "INSERT INTO billing_reviews (events_after, subscriptions_after, features_after, invoices_after) "
      "VALUES (NULL, NULL, NULL, '')");
  mirror_.Apply();
  EXPECT_EQ(Credited(), "5300 53.00");
}

TEST_F(AdoptionTest, RefusesARoleThatLacksRightsToANewTableAndNamesTheFileThatGivesThem) {
  GrantRoles(mirror_.database);
  LoginRole role(mirror_.database, " IN ROLE billsync_service");
  db::Session session({.url = role.url(), .role = "test"});
  EXPECT_EQ(db::WhyUnfit(session), "");
  EXPECT_TRUE(db::Migrate(*mirror_.database.Connect(), [](const auto&) {}).warnings.empty());
  mirror_.database.Run("REVOKE INSERT ON billing_reviews FROM billsync_service");
  EXPECT_NE(db::WhyUnfit(session).find("INSERT on billing_reviews"), std::string::npos) << db::WhyUnfit(session);
  const auto warnings = db::Migrate(*mirror_.database.Connect(), [](const auto&) {}).warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings.front().find("config/postgres-roles.sql"), std::string::npos) << warnings.front();

  mirror_.database.Run("REVOKE SELECT, INSERT ON billing_subscriptions FROM billsync_service");
  mirror_.Store(SubscriptionEvent{}.Body());
  db::Pool pool({.url = role.url(), .role = "test"}, 2);
  apply::Applier applier(pool, DemoOptions(), [] { return kAsOf; });
  EXPECT_THROW(applier.ApplyAllDue(), db::Bug);
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "received") << "no event is to blame";
}

}  // namespace
}  // namespace billsync::testing
