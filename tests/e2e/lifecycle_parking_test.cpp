// Lifecycles that have to wait: whatever came first, nothing is lost, and the moment their cause is there they end in
// the rows they would have had.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/lifecycle_runs.h"

namespace billsync::testing {
namespace {

constexpr int kConnections = 3;
constexpr std::chrono::seconds kReleased{2};

// "applied 120, parked unknown_customer 3 (next try in 00:00:08)"
std::string Fates(TestDatabase& database) {
  return database.Value(R"(
      SELECT coalesce(string_agg(fate, ', ' ORDER BY fate), '') FROM (
          SELECT concat_ws(' ', status, reason, count(*)) ||
                 CASE status WHEN 'parked' THEN ' (next try in ' || max(next_attempt_at) - now() || ')' ELSE '' END AS fate
          FROM stripe_events GROUP BY status, reason) f)");
}

bool NothingWaits(TestDatabase& database) {
  return database.Value("SELECT count(*) FROM stripe_events WHERE status IN ('received', 'parked')") == "0";
}

// Every order of the lifecycle in each mode when it has few events, drawn ones else.
RunPlan PlanOf(const std::vector<Lifecycle>& lifecycles) {
  RunPlan plan(20261120);
  for (const auto& lifecycle : lifecycles) {
    lifecycle.events.size() <= 3 ? plan.AddAllOrders(lifecycle) : plan.AddDrawnOrders(lifecycle, 10);
  }
  return plan;
}

// Posts, and waits until every event was looked at.
void Deliver(TestDatabase& database, const RunningService& service, const std::vector<Run>& runs) {
  EXPECT_EQ(PostRuns(service.port(), runs, kConnections).second, std::vector<std::string>());
  EXPECT_TRUE(
      Eventually([&] { return database.Value("SELECT count(*) FROM stripe_events WHERE status = 'received'") == "0"; },
                 std::chrono::seconds(20)));
}

TEST(LifecycleParking, AnUnknownCustomersLifecyclesAreAppliedOnceTheCustomerIsLinkedBySql) {
  const auto lifecycles = LoadLifecycles({"I10", "I13b", "I14a", "I15b", "I18", "J01"});
  const auto plan = PlanOf(lifecycles);
  TestDatabase database;
  AddUsersOf(database, plan.runs(), false);
  const RunningService service(database.url());
  Deliver(database, service, plan.runs());
  EXPECT_NE(Fates(database).find("parked unknown_customer"), std::string::npos) << Fates(database);
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_subscriptions"), "0");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_invoices"), "0");
  database.Run(
      "UPDATE users SET stripe_customer_id = 'cus_' || split_part(email, '@', 1) WHERE email LIKE '%p%@example.com'");
  EXPECT_TRUE(Eventually([&] { return NothingWaits(database); }, kReleased)) << Fates(database);
  EXPECT_EQ(Summary(Differences(database, plan.runs())), "");
}

TEST(LifecycleParking, LifecyclesWithAnUnmappedPriceAreAppliedOnceAPlanMapKnowsIt) {
  const auto lifecycles = LoadLifecycles(
      {"I08c", "I09c", "I10", "J02"},
      {{"price_demo_pro_monthly", "price_new_monthly"}, {"prod_demo_pro", "prod_new"}, {"pro_monthly", "new_monthly"}});
  const auto plan = PlanOf(lifecycles);
  TestDatabase database;
  AddUsersOf(database, plan.runs());
  {
    const RunningService service(database.url());
    Deliver(database, service, plan.runs());
    EXPECT_NE(Fates(database).find("parked unmapped_price"), std::string::npos) << Fates(database);
    EXPECT_EQ(database.Value("SELECT count(*) FROM users WHERE plan_tier <> 'free'"), "0");
  }
  std::string config = ReadSource("fixtures/demo/billsync.toml");
  const std::string known = "\"price_demo_pro_monthly\"";
  config.insert(config.find(known) + known.size(), ", \"price_new_monthly\"");
  const Workplace place;
  const RunningService service(database.url(), {}, place.Put("new.toml", config));
  EXPECT_TRUE(Eventually([&] { return NothingWaits(database); }, kReleased)) << Fates(database);
  EXPECT_EQ(Summary(Differences(database, plan.runs())), "");
}

// "12.50" → "25.00"
std::string Doubled(const std::string& dollars) {
  const size_t point = dollars.find('.');
  const long long cents = 2 * std::stoll(dollars.substr(0, point) + dollars.substr(point + 1));
  const std::string digits = std::to_string(cents % 100);
  return std::to_string(cents / 100) + (digits.size() == 1 ? ".0" : ".") + digits;
}

TEST(LifecycleParking, LifecyclesWithoutAnExchangeRateAreAppliedOnceThereIsOne) {
  auto lifecycles = LoadLifecycles({"I06c", "I10", "I14a", "I16"}, {{R"("currency": "usd")", R"("currency": "eur")"}});
  for (auto& lifecycle : lifecycles) {
    for (auto& [table, rows] : lifecycle.rows) {
      for (auto& row : rows) {
        for (auto& [column, value] : row) {
          if (column.ends_with("_usd") && value) value = Doubled(*value);
          if (column == "usd_per_unit") value = "2";
        }
      }
    }
  }
  const auto plan = PlanOf(lifecycles);
  TestDatabase database;
  AddUsersOf(database, plan.runs());
  const RunningService service(database.url());
  Deliver(database, service, plan.runs());
  EXPECT_NE(Fates(database).find("parked missing_exchange_rate"), std::string::npos) << Fates(database);
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_invoices"), "0");
  // No price is no reason to withhold the service.
  EXPECT_NE(database.Value("SELECT count(*) FROM users WHERE plan_tier = 'enterprise'"), "0");
  database.Run("INSERT INTO billing_fx_rates (currency, valid_from, usd_per_unit) VALUES ('eur', '2020-01-01', 2)");
  EXPECT_TRUE(Eventually([&] { return NothingWaits(database); }, kReleased)) << Fates(database);
  EXPECT_EQ(Summary(Differences(database, plan.runs())), "");
}

}  // namespace
}  // namespace billsync::testing
