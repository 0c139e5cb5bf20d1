// explain on the command line and over the admin API.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

constexpr const char* kFinanceToken = "finance-token-of-the-test-suite";

// Two subscription events of a user, applied.
void ReplayTwo(TestDatabase& database) {
  AddUser(database, 1, "ada", "cus_1");
  const Workplace place;
  const std::string events = SubscriptionEvent("evt_1", "sub_1", "cus_1", "active", Now() - 60) + "\n" +
                             SubscriptionEvent("evt_2", "sub_1", "cus_1", "past_due", Now() - 30);
  ASSERT_EQ(Billsync(database, {"events", "replay", place.Put("events.jsonl", events)}).status, 0);
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ExplainCommand, ShowsEachValueWithItsEventAndEachEventWithItsReason) {
  TestDatabase database;
  ReplayTwo(database);
  const auto shown = Billsync(database, {"explain", "sub_1"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_TRUE(Has(shown.out, "sub_1  subscription\nits row is in billing_subscriptions\n")) << shown.out;
  EXPECT_TRUE(Has(shown.out, "the row shows it; later second than evt_1")) << shown.out;
  EXPECT_TRUE(Has(shown.out, "older: lost to evt_2; nothing is below it")) << shown.out;
  EXPECT_FALSE(Has(shown.out, "\033[")) << "colour is for terminals";
  std::istringstream lines(shown.out);
  bool status_seen = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("status ")) continue;
    status_seen = true;
    EXPECT_TRUE(Has(line, " past_due ") && Has(line, " evt_2")) << line;
  }
  EXPECT_TRUE(status_seen) << shown.out;

  const auto json = ParsedJson(Billsync(database, {"explain", "sub_1", "--json"}).out);
  EXPECT_EQ(Member(json, "kind"), "subscription");
  EXPECT_EQ(Member(json["events"][0]["event"], "id"), "evt_2");
  EXPECT_EQ(Member(json["events"][0], "rule"), "time");
  EXPECT_EQ(Member(json, "drift"), "false");

  const auto customer = Billsync(database, {"explain", "cus_1"});
  EXPECT_TRUE(Has(customer.out, "linked to user 00000000-0000-4000-8000-000000000001: its row in users"))
      << customer.out;
}

TEST(ExplainCommand, FailsForAnIdThatIsNowhere) {
  TestDatabase database;
  const auto nowhere = Billsync(database, {"explain", "sub_nowhere"});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_EQ(nowhere.out, "");
  EXPECT_TRUE(Has(nowhere.err, "nothing is known of sub_nowhere: no event about it is stored, and it has no row"))
      << nowhere.err;
  EXPECT_EQ(Billsync(database, {"explain"}).status, 2);
}

TEST(ExplainCommand, ExitsWith3WhenTheRowIsNotWhatItsEventsSay) {
  TestDatabase database;
  ReplayTwo(database);
  database.Run("UPDATE billing_subscriptions SET status = 'canceled'");
  const auto drifted = Billsync(database, {"explain", "sub_1"});
  EXPECT_EQ(drifted.status, 3);
  EXPECT_TRUE(Has(drifted.out, "DRIFT: its events say past_due")) << drifted.out;
  const std::string advice = "UPDATE stripe_events SET status = 'received', next_attempt_at = now() WHERE id = 'evt_2'";
  EXPECT_TRUE(Has(drifted.out, advice)) << drifted.out;
  EXPECT_EQ(Billsync(database, {"explain", "sub_1", "--json"}).status, 3);
  database.Run(advice);
  Billsync(database, {"events", "retry"});
  EXPECT_EQ(Billsync(database, {"explain", "sub_1"}).status, 0);
}

TEST(ExplainCommand, ShowsTheNewestOfManyAndAllWhenAskedTo) {
  TestDatabase database;
  AddUser(database, 1, "ada", "cus_1");
  const Workplace place;
  std::string events;
  for (int i = 100; i < 220; ++i) {
    events += SubscriptionEvent("evt_" + std::to_string(i), "sub_1", "cus_1", "active", Now() - 1000 + i) + "\n";
  }
  ASSERT_EQ(Billsync(database, {"events", "replay", place.Put("events.jsonl", events)}).status, 0);
  const auto some = Billsync(database, {"explain", "sub_1"});
  EXPECT_TRUE(Has(some.out, "120 events, newest first")) << some.out;
  EXPECT_TRUE(Has(some.out, "evt_219")) << some.out;
  EXPECT_FALSE(Has(some.out, "evt_100 ")) << some.out;
  EXPECT_TRUE(Has(some.out, " more, of which no value of the row comes: --all shows them")) << some.out;
  const auto all = Billsync(database, {"explain", "sub_1", "--all"});
  for (int i = 100; i < 220; ++i) EXPECT_TRUE(Has(all.out, "evt_" + std::to_string(i) + " ")) << i;
  EXPECT_FALSE(Has(all.out, " more, of which"));
}

TEST(ExplainApi, TellsWhatTheCommandTells) {
  TestDatabase database;
  ReplayTwo(database);
  RunningService service(database.url(),
                         {{"BILLSYNC_ADMIN_TOKEN", std::string("finance=") + kFinanceToken + ",ops=" + kOpsToken}});
  // A plan map that is new to the database makes serve look at subscriptions again.
  ASSERT_TRUE(Eventually([&] {
    return database.Value(
               "SELECT (SELECT count(*) FROM stripe_events WHERE status = 'received') + "
               "(SELECT count(*) FROM billing_reviews)") == "0";
  }));
  const auto get = [&](const std::string& path, const std::string& token) {
    return Get(service.admin_port(), "/api/v1/objects/" + path, token);
  };
  // As the list of events: whoever may read at all. Nothing of a payload is in it.
  for (const char* token : {kFinanceToken, kOpsToken}) {
    const auto answer = get("sub_1/explain", token);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body + "\n", Billsync(database, {"explain", "sub_1", "--json"}).out);
    EXPECT_FALSE(Has(answer.body, "payload"));
  }
  EXPECT_EQ(get("sub_1/explain", "").status, 401);
  const auto nowhere = get("sub_nowhere/explain", kFinanceToken);
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(Member(ParsedJson(nowhere.body), "code"), "object_not_found");
  EXPECT_EQ(ParsedJson(get("sub_1/explain?limit=1", kFinanceToken).body)["events"].Size(), 2U) << "one more than sets";
  const auto bad = get("sub_1/explain?limit=0", kFinanceToken);
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(Member(ParsedJson(bad.body), "code"), "bad_limit");
  for (const char* odd : {"%00/explain", "%27%3B--/explain", "%FF/explain", "/explain"}) {
    const int status = get(odd, kFinanceToken).status;
    EXPECT_TRUE(status == 404 || status == 400) << odd << " " << status;
  }
  EXPECT_EQ(Post(service.admin_port(), "/api/v1/objects/sub_1/explain", kOpsToken).status, 405);
  EXPECT_TRUE(
      Has(Get(service.admin_port(), "/api/v1/openapi.json", kFinanceToken).body, "/api/v1/objects/{id}/explain"));
}

}  // namespace
}  // namespace billsync::testing
