// The lifecycles of fixtures/lifecycles through the real endpoint, in every order and both shapes, and replayed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <sstream>

#include "billsync/base/parse.h"
#include "e2e/commands.h"
#include "e2e/lifecycle_runs.h"
#include "support/written_rows.h"

namespace billsync::testing {
namespace {

constexpr int kConnections = 6;
constexpr size_t kAllOrdersUpTo = 5;  // 120 orders

// BILLSYNC_LIFECYCLE_SEED repeats a run of the test; BILLSYNC_LIFECYCLE_ORDERS makes it longer or shorter.
uint64_t Seed() {
  const char* given = std::getenv("BILLSYNC_LIFECYCLE_SEED");
  return given != nullptr ? ParseInt<uint64_t>(given).value() : std::random_device()();
}
int DrawnOrders() {
  const char* given = std::getenv("BILLSYNC_LIFECYCLE_ORDERS");
  return given != nullptr ? ParseInt<int>(given).value() : 30;
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

// Tables that tell what happened when, which is another story after a replay: the ledgers, what first named a user
// before the link was made, and the quota periods that a user has been through.
bool IsStory(const std::string& line) {
  constexpr std::array kStories = {"billing_audit ",        "billing_customer_evidence ", "billing_quota_anchors ",
                                   "billing_quota_resets ", "billing_read_types ",        "billing_reviews ",
                                   "billing_usage"};
  return std::ranges::any_of(kStories, [&](const char* story) { return line.starts_with(story); });
}

// Everything that the events amount to, row by row: also all of the users, the days they are billed on, where those are
// Stripe's, and what became of the events.
std::set<std::string> RowsOf(TestDatabase& database) {
  std::set<std::string> rows;
  std::istringstream lines(WrittenRows(database));
  for (std::string line; std::getline(lines, line);) {
    if (!IsStory(line)) rows.insert(line);
  }
  const auto session = database.Connect();
  db::Transaction tx(*session, {.read_only = true});
  for (const db::Row row : tx.Exec("test", R"(
      SELECT 'users ' || (to_jsonb(u) - '{created_at,updated_at}'::text[])::text AS line FROM users u
      UNION ALL
      SELECT concat_ws(' ', 'billed on', user_id, anchor_day) FROM billing_quota_anchors WHERE source = 'stripe'
      UNION ALL
      SELECT concat_ws(' ', 'stripe_events', id, type, object_id, customer, status, reason) FROM stripe_events)",
                                   {})) {
    rows.insert(row.Text("line"));
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
