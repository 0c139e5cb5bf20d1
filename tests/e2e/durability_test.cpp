// A 200 means on disk: the program is killed, or stopped, in the middle of a stream of deliveries.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "e2e/commands.h"
#include "e2e/event_stream.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

constexpr int kEvents = 400;
constexpr int kSubscriptions = 20;
constexpr int kThreads = 4;

// Every fourth subscription is of a user; the rest waits for its customer.
void AddUsers(TestDatabase& database) {
  for (int i = 0; i < kSubscriptions; i += 4) {
    AddUser(database, 100 + i, "user" + std::to_string(i), "cus_" + std::to_string(i));
  }
}

// The acknowledged ids that are not in stripe_events.
std::vector<std::string> Lost(TestDatabase& database, const std::set<std::string>& acknowledged) {
  std::vector<std::string> lost;
  std::set<std::string> stored;
  const auto session = database.Connect();
  db::Transaction tx(*session);
  for (const db::Row row : tx.Exec("test", "SELECT id FROM stripe_events", {})) stored.insert(row.Text("id"));
  std::ranges::set_difference(acknowledged, stored, std::back_inserter(lost));
  return lost;
}

bool NoneLeftReceived(TestDatabase& database) {
  return Eventually(
      [&] { return database.Value("SELECT count(*) FROM stripe_events WHERE status = 'received'") == "0"; },
      std::chrono::seconds(10));
}

TEST(Durability, TheBulkSignerAgreesWithTheOpensslCommand) {
  const auto events = MakeStream(1, 1);
  const std::string at = events[0].signature.substr(2, events[0].signature.find(',') - 2);
  EXPECT_EQ(events[0].signature, SignIndependently(events[0].body, kSecret, std::stoll(at)));
}

TEST(Durability, NoAcknowledgedEventIsLostWhenTheProgramIsKilled) {
  TestDatabase database;
  AddUsers(database);
  StreamPoster poster(MakeStream(kEvents, kSubscriptions));
  for (const size_t moment : {size_t{1}, size_t{100}, size_t{200}}) {
    RunningService service(database.url());
    poster.Start(service.port(), kThreads);
    ASSERT_TRUE(poster.ReachedAcknowledged(moment));
    service.program().Signal(SIGKILL);
    EXPECT_EQ(service.program().Wait().status, 128 + SIGKILL);
    poster.Join();
    ASSERT_LT(poster.acknowledged().size(), size_t{kEvents}) << "killed too late to prove anything";
    EXPECT_EQ(Lost(database, poster.acknowledged()), std::vector<std::string>());
  }
  // Stripe would send the rest again.
  RunningService service(database.url());
  poster.Start(service.port(), kThreads);
  poster.Join();
  EXPECT_EQ(poster.acknowledged().size(), size_t{kEvents});
  EXPECT_EQ(poster.other_answers(), 0);
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), std::to_string(kEvents));
  EXPECT_TRUE(NoneLeftReceived(database));
  EXPECT_EQ(database.Value("SELECT string_agg(DISTINCT status || ' ' || coalesce(reason, '-'), ', ' "
                           "ORDER BY status || ' ' || coalesce(reason, '-')) FROM stripe_events"),
            "applied -, ignored type_not_used, parked unknown_customer");
  // Rows say what the newest event of each says, as if nothing had happened in between.
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_subscriptions"), std::to_string(kSubscriptions / 4));
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_subscriptions s WHERE s.last_event_id <> "
                           "(SELECT max(id) FROM stripe_events e WHERE e.object_id = s.stripe_subscription_id)"),
            "0");
  EXPECT_EQ(database.Value("SELECT count(*) FROM users WHERE plan_tier = 'pro' AND monthly_runs_quota = 1000"), "5");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_plan_changes"), "5");
}

TEST(Durability, AStopAnswersEveryRequestThatHasBegunAndLosesNone) {
  TestDatabase database;
  AddUsers(database);
  StreamPoster poster(MakeStream(kEvents, kSubscriptions));
  RunningService service(database.url());
  poster.Start(service.port(), kThreads);
  ASSERT_TRUE(poster.ReachedAcknowledged(100));
  service.program().Signal(SIGTERM);
  const auto result = service.program().Wait(std::chrono::seconds(10));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("\"message\":\"stopped\""), std::string::npos);
  poster.Join();
  ASSERT_LT(poster.acknowledged().size(), size_t{kEvents}) << "stopped too late to prove anything";
  EXPECT_EQ(poster.other_answers(), 0);
  // A connection that the stop met before its request had arrived ends without an answer: at most one a thread, for
  // the next one is refused.
  EXPECT_LE(poster.closed_without_answer(), kThreads);
  EXPECT_EQ(poster.answered_after_refusal(), 0);
  EXPECT_EQ(Lost(database, poster.acknowledged()), std::vector<std::string>());

  RunningService again(database.url());
  poster.Start(again.port(), kThreads);
  poster.Join();
  EXPECT_EQ(poster.acknowledged().size(), size_t{kEvents});
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), std::to_string(kEvents));
  EXPECT_TRUE(NoneLeftReceived(database));
}

TEST(Durability, AStopWithNothingToDoIsQuick) {
  TestDatabase database;
  for (const int signal : {SIGTERM, SIGINT}) {
    RunningService service(database.url());
    service.program().Signal(signal);
    const auto result = service.program().Wait(std::chrono::seconds(3));
    EXPECT_EQ(result.status, 0) << result.err;
  }
  // What was leased has been given back: the next process need not wait for a lease to run out.
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_jobs WHERE lease_owner IS NOT NULL"), "0");
}

}  // namespace
}  // namespace billsync::testing
