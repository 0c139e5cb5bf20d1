// Every case of fixtures/events through the real applier, in several ways of arriving.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

enum class Arrival { kInOrder, kReversed, kOneByOne };

// What differs between a member of expected.json and the rows, in words; empty when nothing does.
constexpr const char* kCompareSubscriptions = R"(
    WITH actual AS (
        SELECT jsonb_build_object(
            'id', stripe_subscription_id, 'customer', stripe_customer_id, 'status', status, 'currency', currency,
            'period_start', extract(epoch FROM current_period_start)::bigint,
            'period_end', extract(epoch FROM current_period_end)::bigint,
            'cancel_at_period_end', cancel_at_period_end, 'cancel_at', extract(epoch FROM cancel_at)::bigint,
            'canceled_at', extract(epoch FROM canceled_at)::bigint, 'ended_at', extract(epoch FROM ended_at)::bigint,
            'past_due_since', extract(epoch FROM past_due_since)::bigint, 'needs_refetch', needs_refetch) AS line
        FROM billing_subscriptions
    ), expected AS (
        SELECT e - '{deleted,prices,latest_invoice,metadata}'::text[] AS line
        FROM jsonb_array_elements($1::jsonb -> 'subscriptions') e
    ))";
constexpr const char* kCompareInvoices = R"(
    WITH actual AS (
        SELECT jsonb_build_object(
            'id', stripe_invoice_id, 'customer', stripe_customer_id, 'subscription', stripe_subscription_id,
            'status', status, 'deleted', deleted, 'currency', currency, 'total', amount_minor,
            'amount_paid', amount_paid_minor, 'amount_remaining', amount_remaining_minor, 'number', number,
            'attempt_count', attempt_count, 'finalized_at', extract(epoch FROM finalized_at)::bigint,
            'paid_at', extract(epoch FROM paid_at)::bigint, 'needs_refetch', needs_refetch) AS line
        FROM billing_invoices
    ), expected AS (
        SELECT e - 'amount_due' AS line FROM jsonb_array_elements($1::jsonb -> 'invoices') e
    ))";
constexpr const char* kCompareUsers = R"(
    WITH expected AS (
        SELECT e || jsonb_build_object(
            'plan_tier', coalesce(e ->> 'plan_tier', 'free'),
            'linked_by', CASE e ->> 'linked_by' WHEN 'client_reference_id' THEN 'checkout_reference'
                                                ELSE 'users_row' END) AS line
        FROM jsonb_array_elements($1::jsonb -> 'users') e
    ), actual AS (
        SELECT jsonb_build_object('id', u.id, 'stripe_customer_id', u.stripe_customer_id, 'plan_tier', u.plan_tier,
                                  'linked_by', c.linked_by) AS line
        FROM users u LEFT JOIN billing_customers c ON c.user_id = u.id
        WHERE u.id::text IN (SELECT line ->> 'id' FROM expected) OR u.plan_tier <> 'free'
    ))";
constexpr const char* kCompareIgnored = R"(
    WITH actual AS (SELECT to_jsonb(id) AS line FROM stripe_events WHERE status = 'ignored'),
         expected AS (SELECT e AS line FROM jsonb_array_elements($1::jsonb -> 'ignored') e))";
constexpr const char* kDifferences = R"(
    SELECT coalesce(string_agg(word || line::text, E'\n'), '') AS differences FROM (
        SELECT 'missing: ' AS word, line FROM (SELECT line FROM expected EXCEPT SELECT line FROM actual) m
        UNION ALL
        SELECT 'unexpected: ', line FROM (SELECT line FROM actual EXCEPT SELECT line FROM expected) u
    ) d)";

class AppliedFixture : public ::testing::TestWithParam<std::string> {
 protected:
  // The users of fixtures/demo as they are before any event.
  void StartAnew() {
    mirror_.database.Run(
        "DELETE FROM billing_invoices; DELETE FROM billing_subscriptions; DELETE FROM billing_customers; "
        "DELETE FROM billing_fx_rates; DELETE FROM billing_plan_map; DELETE FROM stripe_events; "
        "DELETE FROM users");
    const char* customers[] = {"", "", "grace", "linus", "margaret", "katherine", "edsger", "dennis", ""};
    for (int number = 1; number <= 8; ++number) {
      const std::string name = customers[number];
      AddUser(mirror_.database, number, {{"stripe_customer_id", name.empty() ? "NULL" : "'cus_demo_" + name + "'"}});
    }
  }

  void Deliver(const std::string& name, Arrival arrival) {
    auto bodies = CaseBodies(name);
    if (arrival == Arrival::kReversed) std::ranges::reverse(bodies);
    for (const auto& body : bodies) {
      mirror_.Store(body);
      if (arrival == Arrival::kOneByOne) mirror_.Apply(DemoOptions(1));
    }
    mirror_.Apply();
  }

  void ExpectSame(const char* compare, const std::string& expected) {
    const auto session = mirror_.database.Connect();
    db::Transaction tx(*session, {.read_only = true});
    EXPECT_EQ(
        tx.Exec("compare", std::string(compare) + kDifferences, db::Params::Of(expected)).Only().Text("differences"),
        "");
  }

  // Delivers, does what a person does meanwhile (links the stranger's customer, enters the yen's rate, maps the mystery
  // price), and compares.
  void ExpectTheRowsOf(const std::string& name, Arrival arrival) {
    const std::string expected = ReadSource("fixtures/events/" + name + "/expected.json");
    Deliver(name, arrival);
    mirror_.database.Run("UPDATE users SET stripe_customer_id = 'cus_demo_stranger' WHERE id = '" + UserId(8) + "'");
    mirror_.database.Run("INSERT INTO billing_fx_rates VALUES ('jpy', '2026-01-01', 0.0066)");
    mirror_.Apply();
    ExpectSame(kCompareUsers, expected);
    ExpectSame(kCompareInvoices, expected);
    ExpectSame(kCompareIgnored, expected);
    if (name == "dennis") ExpectTheMysteryToBeSolved();
    ExpectSame(kCompareSubscriptions, expected);
    EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM stripe_events WHERE status NOT IN ('applied', 'ignored')"),
              "0");
  }

  void ExpectTheMysteryToBeSolved() {
    EXPECT_EQ(mirror_.StatusOf("evt_demo_dennis_01"), "parked unmapped_price");
    EXPECT_EQ(mirror_.StatusOf("evt_demo_dennis_02"), "applied");
    auto options = DemoOptions();
    options.plans = billing::PlanMap({{billing::Tier::kPro, 1000, {"price_demo_mystery"}, {}, {}}}, {});
    apply::AdoptPlanMap(*mirror_.pool().Acquire(), "with the mystery price");
    mirror_.Apply(options);
    EXPECT_EQ(mirror_.PlanOf(7), "pro 1000");
  }

  Mirror mirror_;
};

TEST_P(AppliedFixture, EndsInTheExpectedRowsHoweverItArrives) {
  for (const auto& [how, arrival] :
       {std::pair("in order", Arrival::kInOrder), std::pair("reversed", Arrival::kReversed),
        std::pair("one by one", Arrival::kOneByOne)}) {
    SCOPED_TRACE(how);
    StartAnew();
    ExpectTheRowsOf(GetParam(), arrival);
  }
}

INSTANTIATE_TEST_SUITE_P(All, AppliedFixture,
                         ::testing::Values("ada", "grace", "linus", "margaret", "katherine", "edsger", "dennis",
                                           "stranger", "noise"),
                         [](const auto& fixture) { return fixture.param; });

// Everything at once: no case leans on being alone.
TEST(AppliedFixtures, AllCasesTogetherInTinyBatchesAreAllApplied) {
  Mirror mirror;
  AddUser(mirror.database, 1);
  AddUser(mirror.database, 8, {{"stripe_customer_id", "'cus_demo_stranger'"}});
  int number = 2;
  for (const char* name : {"grace", "linus", "margaret", "katherine", "edsger", "dennis"}) {
    AddUser(mirror.database, number++, {{"stripe_customer_id", std::string("'cus_demo_") + name + "'"}});
  }
  mirror.database.Run("INSERT INTO billing_fx_rates VALUES ('jpy', '2026-01-01', 0.0066)");
  for (const char* name : {"noise", "stranger", "dennis", "edsger", "katherine", "margaret", "linus", "grace", "ada"}) {
    for (const auto& body : CaseBodies(name)) mirror.Store(body);
  }
  mirror.Apply(DemoOptions(3));
  EXPECT_EQ(
      mirror.database.Value("SELECT string_agg(id || ' ' || reason, ',') FROM stripe_events WHERE status = 'parked'"),
      "evt_demo_dennis_01 unmapped_price");
  EXPECT_EQ(mirror.database.Value("SELECT string_agg(plan_tier::text, ',' ORDER BY id) FROM users WHERE id::text LIKE "
                                  "'00000000-0000-4000-8000-%'"),
            "pro,enterprise,pro,free,enterprise,pro,free,pro");
}

}  // namespace
}  // namespace billsync::testing
