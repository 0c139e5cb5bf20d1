// Events that wait: parked with a reason, seen and retried by a person, applied by themselves when what they waited for
// arrives.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

void PostFixture(const RunningService& service, const std::string& path) {
  const std::string body = Fixture(path);
  ASSERT_EQ(PostEvent(service.port(), body, SignIndependently(body)).status, 200) << path;
}

std::string Fates(TestDatabase& database) {
  return database.Value(
      "SELECT coalesce(string_agg(DISTINCT status || ' ' || coalesce(reason, '-'), ', '), '') FROM stripe_events");
}

TEST(Parking, EventsOfAnUnknownCustomerAreAppliedByThemselvesOnceAUserIsLinked) {
  TestDatabase database;
  AddUser(database, 8, "barbara");
  RunningService service(database.url());
  for (const char* name : {"01-customer.created", "02-customer.subscription.created", "03-invoice.paid"}) {
    PostFixture(service, std::string("stranger/") + name + ".json");
  }
  EXPECT_TRUE(Eventually([&] { return Fates(database) == "applied -, parked unknown_customer"; })) << Fates(database);
  EXPECT_EQ(database.Value("SELECT plan_tier FROM users"), "free");
  // Until somebody does something they stay, and are tried ever more seldom.
  EXPECT_TRUE(Eventually([&] {
    return database.Value(
               "SELECT min(attempts) >= 2 FROM stripe_events WHERE status = "
               "'parked' AND next_attempt_at > now() + interval '1 second'") == "t";
  }));

  database.Run("UPDATE users SET stripe_customer_id = 'cus_demo_stranger' WHERE email = 'barbara@example.com'");
  EXPECT_TRUE(Eventually([&] { return Fates(database) == "applied -"; }, std::chrono::seconds(2))) << Fates(database);
  EXPECT_EQ(database.Value("SELECT plan_tier || ' ' || monthly_runs_quota FROM users"), "pro 1000");
  EXPECT_EQ(database.Value("SELECT linked_by FROM billing_customers"), "users_row");
  EXPECT_EQ(database.Value("SELECT amount_paid_usd FROM billing_invoices"), "29.00");
}

TEST(Parking, AnInvoiceWithoutAnExchangeRateIsAppliedOnceThereIsOne) {
  TestDatabase database;
  AddUser(database, 6, "edsger", "cus_demo_edsger");
  RunningService service(database.url());
  for (const char* name : {"01-customer.subscription.created", "02-invoice.finalized", "03-invoice.paid"}) {
    PostFixture(service, std::string("edsger/") + name + ".json");
  }
  EXPECT_TRUE(Eventually([&] { return Fates(database) == "applied -, parked missing_exchange_rate"; }))
      << Fates(database);
  EXPECT_EQ(database.Value("SELECT plan_tier FROM users"), "pro");  // no price is no reason to withhold the service
  database.Run("INSERT INTO billing_fx_rates VALUES ('jpy', '2020-01-01', 0.0065)");
  EXPECT_TRUE(Eventually([&] { return Fates(database) == "applied -"; }, std::chrono::seconds(2))) << Fates(database);
  EXPECT_EQ(database.Value("SELECT currency || ' ' || usd_per_unit FROM billing_invoices"), "jpy 0.0065");
  EXPECT_EQ(database.Value("SELECT amount_usd = round(amount_minor * 0.0065, 2) FROM billing_invoices"), "t");
}

TEST(Parking, AnUnmappedPriceLeavesTheTierAloneUntilAPlanMapKnowsIt) {
  TestDatabase database;
  AddUser(database, 7, "dennis", "cus_demo_dennis");
  database.Run("UPDATE users SET plan_tier = 'pro', monthly_runs_quota = 1000");
  {
    RunningService service(database.url());
    PostFixture(service, "dennis/01-customer.subscription.created.json");
    EXPECT_TRUE(Eventually([&] { return Fates(database) == "parked unmapped_price"; })) << Fates(database);
    EXPECT_EQ(database.Value("SELECT plan_tier || ' ' || monthly_runs_quota FROM users"), "pro 1000");
    EXPECT_EQ(database.Value("SELECT detail FROM stripe_events"), "no plan maps the price price_demo_mystery");
  }
  std::string plans = ReadSource("fixtures/demo/billsync.toml");
  plans.replace(plans.find("[\"price_demo_enterprise_monthly\"]"), 33,
                "[\"price_demo_enterprise_monthly\", \"price_demo_mystery\"]");
  // Far from due: only the start with another plan map makes it so.
  database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '1 hour'");
  const Workplace place;
  RunningService service(database.url(), {}, place.Put("plans.toml", plans));
  EXPECT_TRUE(Eventually([&] { return Fates(database) == "applied -"; }, std::chrono::seconds(2))) << Fates(database);
  EXPECT_EQ(database.Value("SELECT plan_tier || ' ' || monthly_runs_quota FROM users"), "enterprise 10000");
}

TEST(Parking, APersonListsShowsAndRetriesWhatIsParked) {
  TestDatabase database;
  AddUser(database, 7, "dennis", "cus_demo_dennis");
  const Workplace place;
  const std::string dennis = Fixture("dennis/01-customer.subscription.created.json");
  const auto replayed = Billsync(database, {"events", "replay", place.Put("dennis.json", dennis)});
  EXPECT_EQ(replayed.status, 3) << replayed.err;  // done, but it is parked
  EXPECT_EQ(replayed.out, "1 events replayed; 1 are parked or dead: billsync events list --status parked\n");

  const auto list = Billsync(database, {"events", "list", "--status", "parked", "--json"});
  EXPECT_EQ(list.status, 0) << list.err;
  const auto rows = ParsedLines(list.out);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(Member(rows[0], "id"), "evt_demo_dennis_01");
  EXPECT_EQ(Member(rows[0], "status"), "parked");
  EXPECT_EQ(Member(rows[0], "reason"), "unmapped_price");
  EXPECT_EQ(Member(rows[0], "object_id"), "sub_demo_dennis");
  EXPECT_EQ(Member(rows[0], "customer"), "cus_demo_dennis");
  EXPECT_NE(Member(rows[0], "way_out").find("[[plan]]"), std::string::npos) << list.out;
  const auto table = Billsync(database, {"events", "list"});
  EXPECT_NE(table.out.find("evt_demo_dennis_01"), std::string::npos) << table.out;
  EXPECT_EQ(table.out.find('\033'), std::string::npos) << "colours belong on a terminal";
  EXPECT_EQ(Billsync(database, {"events", "list", "--status", "applied", "--json"}).out, "");
  EXPECT_EQ(Billsync(database, {"events", "list", "--reason", "unknown_customer", "--json"}).out, "");
  EXPECT_EQ(ParsedLines(Billsync(database, {"events", "list", "--object", "sub_demo_dennis", "--json"}).out).size(),
            1U);

  const auto show = Billsync(database, {"events", "show", "evt_demo_dennis_01"});
  EXPECT_EQ(show.status, 0);
  for (const char* part :
       {"parked: unmapped_price (no plan maps the price price_demo_mystery)", "way out", "next try"}) {
    EXPECT_NE(show.out.find(part), std::string::npos) << show.out;
  }
  const auto json = ParsedJson(Billsync(database, {"events", "show", "evt_demo_dennis_01", "--json"}).out);
  EXPECT_TRUE(Member(json, "payload") == dennis);

  const auto retried = Billsync(database, {"events", "retry", "evt_demo_dennis_01", "--json"});
  EXPECT_EQ(retried.status, 3);
  EXPECT_EQ(retried.out, "{\"retried\":1,\"parked_or_dead\":1}\n");
  EXPECT_EQ(database.Value("SELECT attempts FROM stripe_events"), "2");
}

TEST(Parking, ARetryAppliesWhatCanBeAppliedNowDeadEventsIncluded) {
  TestDatabase database;
  AddUser(database, 8, "barbara");
  const Workplace place;
  const std::string events = SubscriptionEvent("evt_1", "sub_1", "cus_demo_stranger") + "\n" +
                             SubscriptionEvent("evt_2", "sub_2", "cus_other") + "\n";
  EXPECT_EQ(Billsync(database, {"events", "replay", place.Put("two.jsonl", events)}).status, 3);
  database.Run("UPDATE stripe_events SET status = 'dead' WHERE id = 'evt_1'");
  database.Run("UPDATE users SET stripe_customer_id = 'cus_demo_stranger'");
  EXPECT_EQ(database.Value("SELECT status FROM stripe_events WHERE id = 'evt_1'"), "dead");  // only a person wakes it
  EXPECT_EQ(Billsync(database, {"events", "retry", "evt_1"}).status, 0) << "whatever becomes of evt_2";
  EXPECT_EQ(database.Value("SELECT status FROM stripe_events WHERE id = 'evt_1'"), "applied");
  EXPECT_EQ(Billsync(database, {"events", "retry"}).status, 3) << "evt_2 still waits";
  database.Run("DELETE FROM stripe_events WHERE id = 'evt_2'");
  EXPECT_EQ(Billsync(database, {"events", "retry"}).status, 0);  // nothing is left to retry

  const auto none = Billsync(database, {"events", "retry", "evt_1"});
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.err.find("none of these events is parked or dead"), std::string::npos) << none.err;
  const auto nowhere = Billsync(database, {"events", "show", "evt_nowhere"});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_NE(nowhere.err.find("no event evt_nowhere is stored"), std::string::npos) << nowhere.err;
}

}  // namespace
}  // namespace billsync::testing
