// What is parked, why, for how long, and what releases it.
#include <gtest/gtest.h>

#include "apply/apply_sql.h"
#include "batch.h"
#include "mirror.h"
#include "platform_rows.h"
#include "reviews.h"

namespace billsync::testing {
namespace {

class ParkingTest : public ::testing::Test {
 protected:
  ParkingTest() {
    AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
    AddUser(mirror_.database, 2, {{"stripe_customer_id", "'cus_2'"}});
  }
  std::string DetailOf(const std::string& event) {
    return mirror_.database.Value("SELECT detail FROM stripe_events WHERE id = '" + event + "'");
  }
  void LookAgain() {
    const auto session = mirror_.pool().Acquire();
    db::Transaction tx(*session);
    apply::LookAgain(tx, {"sub_1"});
    tx.Commit();
  }
  void MakeDue() { mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() WHERE status = 'parked'"); }

  Mirror mirror_;
};

TEST_F(ParkingTest, AnUnmappedPriceWaitsWhileItsNeighbourApplies) {
  mirror_.Store(SubscriptionEvent{.price = "price_new"}.Body());
  mirror_.Store(SubscriptionEvent{.event = "evt_9", .id = "sub_2", .customer = "cus_2"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unmapped_price");
  EXPECT_NE(DetailOf("evt_1").find("price_new"), std::string::npos);
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  EXPECT_EQ(mirror_.PlanOf(2), "pro 1000");
}

TEST_F(ParkingTest, AnUnmappedPriceKeepsTheTierThatWasBought) {
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  mirror_.Store(SubscriptionEvent{.event = "evt_9", .created = kAsOfSeconds, .price = "price_new"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_9"), "parked unmapped_price");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT stripe_price_id FROM billing_subscriptions"), "price_new");
}

TEST_F(ParkingTest, AMissingRateIsReleasedByItsRowAndConvertsExactly) {
  mirror_.Store(InvoiceEvent{.currency = "jpy", .total = 4400}.Body());
  mirror_.Store(
      InvoiceEvent{.event = "evt_9", .id = "in_9", .customer = "cus_2", .currency = "kwd", .total = 12345}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "parked missing_exchange_rate");
  EXPECT_EQ(mirror_.StatusOf("evt_9"), "parked missing_exchange_rate");
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  // The later rate is of a day after the invoice, the earlier one is superseded.
  mirror_.database.Run(
      "INSERT INTO billing_fx_rates VALUES ('jpy', '2026-01-01', 0.5), ('jpy', '2026-11-20', "
      "0.006415), ('jpy', '2026-11-21', 0.7), ('kwd', '2026-01-01', 3.25)");
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT amount_minor || ' ' || amount_usd || ' ' || amount_paid_usd || ' ' || "
                                   "usd_per_unit FROM billing_invoices WHERE currency = 'jpy'"),
            "4400 28.23 28.23 0.006415");
  // Dinars have three decimals: 12.345 at 3.25 is 40.12125.
  EXPECT_EQ(mirror_.database.Value("SELECT amount_usd FROM billing_invoices WHERE currency = 'kwd'"), "40.12");
}

TEST_F(ParkingTest, AMissingRateDoesNotKeepASubscriptionFromEntitling) {
  mirror_.Store(SubscriptionEvent{.currency = "eur"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked missing_exchange_rate");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT amount_minor || ' ' || (amount_usd IS NULL) FROM billing_subscriptions"),
            "2900 true");
  mirror_.database.Run("INSERT INTO billing_fx_rates VALUES ('eur', '2026-01-01', 1.1)");
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.database.Value("SELECT amount_usd FROM billing_subscriptions"), "31.90");
}

TEST_F(ParkingTest, APayloadNobodyCanReadIsParkedAlone) {
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Store(SubscriptionEvent{.event = "evt_8", .created = kAsOfSeconds, .status = "past_due"}.Body());
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Store(InvoiceEvent{.event = "evt_9", .id = "in_9"}.Body());
  mirror_.database.Run("UPDATE stripe_events SET payload = 'not json' WHERE id = 'evt_8'");
  mirror_.database.Run(
      "UPDATE stripe_events SET payload = replace(payload, '\"total\":2900', '\"total\":\"much\"') WHERE id = 'evt_9'");
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_8"), "parked unreadable_shape");
  EXPECT_EQ(mirror_.StatusOf("evt_9"), "parked unreadable_shape");
  EXPECT_NE(DetailOf("evt_9").find("total"), std::string::npos) << DetailOf("evt_9");
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
  EXPECT_EQ(mirror_.database.Value("SELECT status FROM billing_subscriptions"), "active");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(ParkingTest, AnEventTheDatabaseRefusesIsParkedAloneWithTheReason) {
  mirror_.Store(InvoiceEvent{.event = "evt_big", .id = "in_big", .total = 9'000'000'000'000'000}.Body());
  for (int n = 0; n < 5; ++n) {
    const std::string id = std::to_string(n);
    mirror_.Store(InvoiceEvent{.event = "evt_ok" + id, .id = "in_ok" + id, .customer = "cus_2"}.Body());
  }
  apply::Applier applier(mirror_.pool(), DemoOptions(), [] { return kAsOf; });
  applier.ApplyAllDue();
  EXPECT_EQ(mirror_.StatusOf("evt_big"), "parked apply_failed");
  EXPECT_NE(DetailOf("evt_big").find("22003"), std::string::npos) << DetailOf("evt_big");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_invoices"), "5");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied' AND attempts = 1"),
            "5");
  EXPECT_EQ(applier.Stats().failed_batches, 1U);
  EXPECT_EQ(applier.Stats().by_status.at("applied"), 5U);
  EXPECT_GE(applier.Stats().by_status.at("parked"), 1U);  // more, if all that took a second
}

TEST_F(ParkingTest, EachAttemptWaitsLongerUpToAnHour) {
  mirror_.Store(InvoiceEvent{.customer = "cus_unknown"}.Body());
  const int64_t expected_s[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600};
  for (const int64_t wait : expected_s) {
    const std::string before = mirror_.database.Value("SELECT clock_timestamp()::text");
    apply::ApplyBatch(*mirror_.pool().Acquire(), DemoOptions(), kAsOf, {.ids = {"evt_2"}}, nullptr);
    const std::string seconds = " + interval '" + std::to_string(wait) + " seconds'";
    EXPECT_EQ(mirror_.database.Value("SELECT next_attempt_at BETWEEN '" + before + "'::timestamptz" + seconds +
                                     " AND clock_timestamp()" + seconds + " FROM stripe_events"),
              "t")
        << wait;
  }
  EXPECT_EQ(mirror_.database.Value("SELECT attempts FROM stripe_events"), "14");
}

TEST_F(ParkingTest, WhatWaitedThirtyDaysIsDeadUntilAPersonRetriesIt) {
  const auto thirty_days_on = kAsOf + std::chrono::days(30);
  mirror_.Store(InvoiceEvent{.customer = "cus_3"}.Body());
  mirror_.Apply();
  MakeDue();
  mirror_.Apply(DemoOptions(), thirty_days_on - std::chrono::minutes(1));
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "parked unknown_customer");
  MakeDue();
  mirror_.Apply(DemoOptions(), thirty_days_on + std::chrono::minutes(1));
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "dead unknown_customer");

  AddUser(mirror_.database, 3, {{"stripe_customer_id", "'cus_3'"}});
  MakeDue();
  EXPECT_EQ(mirror_.Apply(), 0U) << "dead events stay dead";
  EXPECT_EQ(apply::RetryEvents(*mirror_.pool().Acquire(), {"evt_2", "evt_of_another"}), 1);
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
}

// Another look at an event of long ago may park it; it has not waited thirty days for that.
TEST_F(ParkingTest, AnEventThatWasAppliedLongAgoIsNotDeadWhenItIsParkedNow) {
  mirror_.Store(SubscriptionEvent{}.Body(), kAsOf - std::chrono::days(90));
  mirror_.Apply(DemoOptions(), kAsOf - std::chrono::days(90));
  auto without_pro = DemoOptions();
  without_pro.plans = billing::PlanMap({}, {});
  LookAgain();
  mirror_.Apply(without_pro);
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unmapped_price");
  MakeDue();
  mirror_.Apply(without_pro, kAsOf + std::chrono::days(29));
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unmapped_price");
  MakeDue();
  mirror_.Apply(without_pro, kAsOf + std::chrono::days(31));
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "dead unmapped_price");
  LookAgain();
  mirror_.Apply(without_pro, kAsOf + std::chrono::days(32));
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unmapped_price") << "a dead event of a reviewed object is looked at too";
  LookAgain();
  mirror_.Apply(DemoOptions(), kAsOf + std::chrono::days(33));
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.database.Value("SELECT parked_since IS NULL FROM stripe_events"), "t");
}

// Whatever makes an event due again at once, as a back-off that is over before the others have been tried does.
TEST_F(ParkingTest, ApplyingWhatIsDueEndsThoughParkedEventsComeDueMeanwhile) {
  mirror_.database.Run(
      "CREATE FUNCTION at_once() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.next_attempt_at = now(); RETURN NEW; "
      "END'; CREATE TRIGGER at_once BEFORE UPDATE ON stripe_events FOR EACH ROW EXECUTE FUNCTION at_once()");
  for (int n = 0; n < 5; ++n) {
    mirror_.Store(InvoiceEvent{.event = "evt_" + std::to_string(n), .customer = "cus_unknown"}.Body());
  }
  mirror_.Apply(DemoOptions(2));
  EXPECT_EQ(mirror_.database.Value("SELECT bool_and(attempts BETWEEN 1 AND 3) FROM stripe_events"), "t");
}

TEST_F(ParkingTest, ABacklogOfParkedEventsDoesNotHoldUpFreshOnes) {
  for (int n = 0; n < 6; ++n) {
    mirror_.Store(InvoiceEvent{.event = "evt_old" + std::to_string(n), .customer = "cus_unknown"}.Body());
  }
  mirror_.Apply();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() - interval '1 hour'");
  mirror_.Store(SubscriptionEvent{}.Body());
  apply::ApplyBatch(*mirror_.pool().Acquire(), DemoOptions(2), kAsOf, {}, nullptr);
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
}

TEST_F(ParkingTest, WhatTheDatabaseRefusedIsFoundWithoutReadingAllThatIsParked) {
  mirror_.database.Run(
      "INSERT INTO stripe_events (id, type, created, livemode, payload, status, reason) SELECT 'evt_' || n, "
      "'invoice.paid', now(), false, '{}', 'parked', 'unknown_customer' FROM generate_series(1, 5000) n; "
      "ANALYZE stripe_events");
  const auto session = mirror_.database.Connect();
  db::Transaction tx(*session, {.by_key = true});
  tx.Exec(apply::sql::kReadInOrder, db::Params::Of("off"));
  std::string plan;
  for (const db::Row row :
       tx.Exec("explain", "EXPLAIN (ANALYZE, COSTS OFF) " + std::string(apply::sql::kClaimFailed.sql), {})) {
    plan += std::string(*row.Raw(0)) + "\n";
  }
  EXPECT_NE(plan.find("stripe_events_due_failed"), std::string::npos) << plan;
  EXPECT_EQ(plan.find("Rows Removed"), std::string::npos) << plan;
}

TEST_F(ParkingTest, TypesThatAreNotUsedAreIgnored) {
  mirror_.Store(InvoiceEvent{.type = "invoice.of_the_future"}.Body());
  mirror_.Store(CheckoutEvent{.event = "evt_guest"}.Body());
  mirror_.database.Run(
      "UPDATE stripe_events SET payload = replace(payload, '\"customer\":\"cus_1\"', '\"customer\":null'), "
      "customer = NULL WHERE id = 'evt_guest'");
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "ignored type_not_used");
  EXPECT_EQ(mirror_.StatusOf("evt_guest"), "ignored no_customer");
}

}  // namespace
}  // namespace billsync::testing
