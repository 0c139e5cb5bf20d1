// The lifecycles of fixtures/lifecycles through the real endpoint, in every order and both shapes, and replayed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "e2e/commands.h"
#include "e2e/lifecycle_runs.h"

namespace billsync::testing {
namespace {

constexpr int kConnections = 6;
constexpr size_t kAllOrdersUpTo = 5;  // 120 orders

// BILLSYNC_LIFECYCLE_SEED repeats a run of the test; BILLSYNC_LIFECYCLE_ORDERS makes it longer or shorter.
uint64_t Seed() {
  const char* given = std::getenv("BILLSYNC_LIFECYCLE_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device()();
}
int DrawnOrders() {
  const char* given = std::getenv("BILLSYNC_LIFECYCLE_ORDERS");
  return given != nullptr ? std::stoi(given) : 30;
}

void ExpectTheRows(TestDatabase& database, const std::vector<Run>& runs) {
  EXPECT_TRUE(WaitUntilSettled(database)) << database.Value(
      "SELECT coalesce(string_agg(DISTINCT status || ' ' || coalesce(reason, '') || ' ' || coalesce(detail, ''), '; "
      "'), "
      "'') FROM stripe_events WHERE status IN ('received', 'parked')");
  const auto differences = Differences(database, runs);
  EXPECT_EQ(differences.size(), 0U) << Summary(differences);
}

TEST(Lifecycles, EveryOrderWithRepetitionsEndsInTheExpectedRowsInOldAndNewShapes) {
  const auto lifecycles = LoadLifecycles();
  ASSERT_GE(lifecycles.size(), 19U);
  const uint64_t seed = Seed();
  std::cout << "BILLSYNC_LIFECYCLE_SEED=" << seed << " BILLSYNC_LIFECYCLE_ORDERS=" << DrawnOrders() << std::endl;
  RunPlan plan(seed);
  for (const auto& lifecycle : lifecycles) {
    if (lifecycle.events.size() <= kAllOrdersUpTo) {
      plan.AddAllOrders(lifecycle);
    } else {
      plan.AddDrawnOrders(lifecycle, DrawnOrders());
    }
  }
  auto runs = plan.runs();
  TestDatabase database;
  AddUsersOf(database, runs);
  RunningService service(database.url());
  const auto [posted, faults] = PostRuns(service.port(), runs, kConnections);
  EXPECT_EQ(faults, std::vector<std::string>());
  std::cout << runs.size() << " runs, " << posted << " deliveries" << std::endl;
  ExpectTheRows(database, runs);
}

// Everything that the events amount to, row by row, without surrogate keys and times of writing. Left out is what tells
// what happened when, which is another story after a replay: the ledgers, the jobs, what first named a user before the
// link was made, and the quota periods that a user has been through. The day a user is billed on is not left out, where
// it is Stripe's.
std::set<std::string> RowsOf(TestDatabase& database) {
  const auto session = database.Connect();
  db::Transaction tx(*session, {.read_only = true});
  std::set<std::string> rows;
  const auto tables = tx.Exec("test", R"(
      SELECT table_name::text AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND (table_name LIKE 'billing\_%' OR table_name = 'users')
        AND table_name NOT IN ('billing_plan_changes', 'billing_plan_map', 'billing_reviews', 'billing_jobs',
                               'billing_job_runs', 'billing_customer_evidence', 'billing_checkpoints',
                               'billing_quota_resets', 'billing_quota_anchors', 'billing_audit', 'billing_read_types',
                               'billing_revenue_by_day')
        AND table_name NOT LIKE 'billing\_usage%')",
                              {});
  for (const db::Row table : tables) {
    const std::string name = table.Text("name");
    const std::string drop =
        name == "users" ? "{created_at,updated_at}" : "{id,created_at,updated_at,linked_at,lapse_seen_at}";
    for (const db::Row row :
         tx.Exec("test", "SELECT (to_jsonb(t) - '" + drop + "'::text[])::text AS line FROM " + name + " t", {})) {
      rows.insert(name + " " + row.Text("line"));
    }
  }
  for (const db::Row row :
       tx.Exec("test",
               "SELECT concat_ws(' ', user_id, anchor_day) AS line FROM billing_quota_anchors WHERE source = 'stripe'",
               {})) {
    rows.insert("billing_quota_anchors " + row.Text("line"));
  }
  for (const db::Row row : tx.Exec("test",
                                   "SELECT concat_ws(' ', day, trim_scale(sum(revenue_usd))) AS line "
                                   "FROM billing_revenue_by_day GROUP BY day HAVING sum(revenue_usd) <> 0",
                                   {})) {
    rows.insert("billing_revenue_by_day " + row.Text("line"));
  }
  for (const db::Row row :
       tx.Exec("test",
               "SELECT concat_ws(' ', id, type, object_id, customer, status, reason) AS line FROM stripe_events", {})) {
    rows.insert("stripe_events " + row.Text("line"));
  }
  return rows;
}

std::vector<std::string> Without(const std::set<std::string>& all, const std::set<std::string>& these) {
  std::vector<std::string> left;
  std::ranges::set_difference(all, these, std::back_inserter(left));
  if (left.size() > 10) left.resize(10);
  return left;
}

TEST(Lifecycles, ReplayingEveryStoredEventIntoAnEmptyMirrorGivesTheSameRows) {
  const auto lifecycles = LoadLifecycles();
  const uint64_t seed = Seed();
  std::cout << "BILLSYNC_LIFECYCLE_SEED=" << seed << std::endl;
  RunPlan plan(seed);
  for (const auto& lifecycle : lifecycles) plan.AddDrawnOrders(lifecycle, 1);
  TestDatabase database;
  AddUsersOf(database, plan.runs());
  {
    const RunningService service(database.url());
    EXPECT_EQ(PostRuns(service.port(), plan.runs(), kConnections).second, std::vector<std::string>());
    ExpectTheRows(database, plan.runs());
  }
  // As a person would take them: one event a line, in an order that has nothing to do with theirs.
  const Workplace place;
  const std::string file = place.path() + "/events.jsonl";
  const std::string dump = "psql -X -A -t '" + database.url() +
                           "' -c \"SELECT replace(payload, E'\\n', ' ') FROM stripe_events ORDER BY md5(id)\" >" + file;
  ASSERT_EQ(std::system(dump.c_str()), 0);
  TestDatabase mirror;
  AddUsersOf(mirror, plan.runs());
  const auto replayed = Billsync(mirror, {"events", "replay", file});
  EXPECT_EQ(replayed.status, 0) << replayed.out << replayed.err;
  const auto expected = RowsOf(database), actual = RowsOf(mirror);
  EXPECT_GT(expected.size(), plan.runs().size() * 4);
  EXPECT_EQ(Without(expected, actual), std::vector<std::string>()) << "are missing in the mirror";
  EXPECT_EQ(Without(actual, expected), std::vector<std::string>()) << "are only in the mirror";
}

}  // namespace
}  // namespace billsync::testing
