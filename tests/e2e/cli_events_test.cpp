// send and events replay: files of events, by HTTP and past it.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

std::string UrlOf(const RunningService& service) {
  return "http://127.0.0.1:" + std::to_string(service.port());
}

std::string Events(const std::string& name) {
  return BILLSYNC_SOURCE_DIR "/fixtures/events/" + name;
}

// Seconds between the first and the last event of fixtures/events/grace.
int64_t NewestLessOldestOfGrace() {
  std::set<int64_t> times;
  for (const auto& file : std::filesystem::directory_iterator(Events("grace"))) {
    const auto event = ParsedJson(ReadSource("fixtures/events/grace/" + file.path().filename().string()));
    if (event.HasMember("created")) times.insert(event["created"].GetInt64());
  }
  return *times.rbegin() - *times.begin();
}

TEST(Send, SignsAndPostsTheFilesOfADirectory) {
  TestDatabase database;
  AddUser(database, 2, "grace", "cus_demo_grace");
  RunningService service(database.url());
  const auto sent = Billsync(database, {"send", Events("grace"), "--to", UrlOf(service), "--rebase"});
  EXPECT_EQ(sent.status, 0) << sent.out << sent.err;
  EXPECT_NE(sent.out.find("7 events sent: 7 accepted (0 already known), 0 refused"), std::string::npos) << sent.out;
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "7");
  // The newest event happened now, and the spans between them are those of the files.
  EXPECT_EQ(
      database.Value("SELECT now() - max(created) BETWEEN interval '-1 s' AND interval '20 s' FROM stripe_events"),
      "t");
  EXPECT_EQ(database.Value("SELECT extract(epoch FROM max(created) - min(created))::bigint FROM stripe_events"),
            std::to_string(NewestLessOldestOfGrace()));

  const auto again =
      Billsync(database, {"send", Events("grace"), "--to", UrlOf(service) + "/webhooks/stripe", "--json"});
  EXPECT_EQ(again.status, 0) << again.err;
  const auto lines = ParsedLines(again.out);
  ASSERT_EQ(lines.size(), 7U);
  for (const auto& line : lines) {
    EXPECT_EQ(Member(line, "status"), "200");
    EXPECT_EQ(Member(ParsedJson(Member(line, "answer")), "duplicate"), "true");
  }
  const auto quiet = Billsync(database, {"send", Events("noise"), "--to", UrlOf(service), "--quiet"});
  EXPECT_EQ(quiet.out, "4 events sent: 4 accepted (0 already known), 0 refused\n");
}

TEST(Send, PostsEachEventOfAFileOfItsOwn) {
  TestDatabase database;
  RunningService service(database.url());
  const Workplace place;
  const auto event = [](int n) { return Event("evt_" + std::to_string(n), "setup_intent.succeeded", "{}"); };
  const std::string second = event(2);  // made once: a body tells the second it was made in
  place.Put("1-array.json", "[" + event(1) + " , " + second + "]");
  place.Put("2-lines.jsonl", event(3) + "\n" + event(1) + "\n");
  place.Put("3-one.json", event(4));
  place.Put("expected.json", "not sent");
  const auto sent = Billsync(database, {"send", place.path(), "--to", UrlOf(service), "--quiet"});
  EXPECT_EQ(sent.out, "5 events sent: 5 accepted (1 already known), 0 refused\n") << sent.err;
  EXPECT_EQ(database.Value("SELECT payload FROM stripe_events WHERE id = 'evt_2'"), second);
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "4");
}

TEST(Send, FailsWhenAnEventIsRefusedOrNobodyAnswers) {
  TestDatabase database;
  RunningService service(database.url());
  const auto forged =
      Billsync(database, {"send", Events("dennis"), "--to", UrlOf(service), "--secret", "whsec_of_somebody_else"});
  EXPECT_EQ(forged.status, 1);
  EXPECT_NE(forged.out.find("signature_mismatch"), std::string::npos) << forged.out;
  EXPECT_NE(forged.out.find("2 events sent: 0 accepted (0 already known), 2 refused"), std::string::npos) << forged.out;
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "0");

  service.program().Signal(SIGTERM);
  ASSERT_EQ(service.program().Wait().status, 0);
  const auto nobody = Billsync(database, {"send", Events("dennis"), "--to", UrlOf(service)});
  EXPECT_EQ(nobody.status, 1);
  EXPECT_NE(nobody.out.find("no answer"), std::string::npos) << nobody.out;
}

TEST(Send, SaysWhatIsWrongWithItsArguments) {
  const Workplace place;
  const std::string fixture = Events("dennis/01-customer.subscription.created.json");
  const struct {
    std::vector<std::string> arguments;
    std::map<std::string, std::string> environment;
    const char* says;
  } cases[] = {
      {{"send", fixture}, {}, "STRIPE_WEBHOOK_SECRET"},
      {{"send", fixture, "--secret", "x", "--to", "127.0.0.1:1"}, {}, "--to must be a URL"},
      {{"send", fixture, "--secret", "x", "--to", "ftp://127.0.0.1"}, {}, "--to must be a URL"},
      {{"send", place.path(), "--secret", "x"}, {}, "no .json file found"},
      {{"send", place.path() + "/nothing"}, {}, "nothing"},
      {{"send"}, {}, "FIXTURE"},
  };
  for (const auto& c : cases) {
    const auto result = RunProgram(c.arguments, c.environment);
    EXPECT_EQ(result.status, 2) << c.says;
    EXPECT_NE((result.err + result.out).find(c.says), std::string::npos) << result.err;
  }
}

TEST(Replay, TakesOneEventAnArrayOrOneALineAndStoresNoneTwice) {
  TestDatabase database;
  AddUser(database, 1, "ada", "cus_1");
  const Workplace place;
  const std::string one = " \n" + SubscriptionEvent("evt_1", "sub_1", "cus_1") + "\n";
  const std::string lines = SubscriptionEvent("evt_2", "sub_1", "cus_1", "active", Now() + 1) + "\r\n\n" +
                            Event("evt_3", "setup_intent.succeeded", R"({"id":"seti_1","object":"setup_intent"})") +
                            "\n" + SubscriptionEvent("evt_2", "sub_1", "cus_1", "canceled") + "\n";
  const std::string spaced =
      "{ \"note\" : [\"],\", \"\\u0041\"], " + Event("evt_4", "setup_intent.succeeded", R"({"id":"seti_2"})").substr(1);
  const std::string array = "[\n  " + one + ",\n  " + spaced + "\n]\n";
  const auto replayed = Billsync(database, {"events", "replay", place.Put("one.json", one),
                                            place.Put("lines.jsonl", lines), place.Put("array.json", array), "--json"});
  EXPECT_EQ(replayed.status, 0) << replayed.err;
  EXPECT_EQ(replayed.out, "{\"replayed\":6,\"parked_or_dead\":0}\n");
  EXPECT_EQ(database.Value("SELECT string_agg(id || ' ' || status, ', ' ORDER BY id) FROM stripe_events"),
            "evt_1 applied, evt_2 applied, evt_3 ignored, evt_4 ignored");
  EXPECT_TRUE(database.Value("SELECT payload FROM stripe_events WHERE id = 'evt_4'") == spaced);
  EXPECT_TRUE(database.Value("SELECT payload FROM stripe_events WHERE id = 'evt_1'") == one);
  EXPECT_EQ(database.Value("SELECT status FROM billing_subscriptions"), "active");
  EXPECT_EQ(database.Value("SELECT plan_tier FROM users"), "pro");
  // A whole directory of Stripe's own, pretty-printed, also past HTTP.
  EXPECT_EQ(Billsync(database, {"events", "replay", Events("noise/01-setup_intent.succeeded.json"),
                                Events("noise/02-v1.customer.subscription.updated.json")})
                .status,
            0);
}

TEST(Replay, RefusesAFileThatHoldsSomethingElseNamingFileAndEvent) {
  TestDatabase database;
  const Workplace place;
  const std::string good = SubscriptionEvent("evt_1", "sub_1", "cus_1");
  const struct {
    std::string text;
    const char* says;
  } cases[] = {{good + "\n{\"id\":\"in_1\",\"object\":\"invoice\"}\n", "event 2 is not a Stripe event (not_an_event)"},
               {good + "\n" + good.substr(0, 50), "event 2 is not a Stripe event (body_not_json)"},
               {"hello\n" + good, "event 1 is not a Stripe event (body_not_json)"},
               {"{}", "event 1 is not a Stripe event (not_an_event)"}};
  for (const auto& c : cases) {
    const std::string path = place.Put("events.jsonl", c.text);
    const auto result = Billsync(database, {"events", "replay", path});
    EXPECT_EQ(result.status, 2) << c.says;
    EXPECT_NE(result.err.find(path + ": " + c.says), std::string::npos) << result.err;
  }
  EXPECT_EQ(Billsync(database, {"events", "replay", place.Put("empty", "")}).status, 2);
  EXPECT_EQ(Billsync(database, {"events", "replay", place.path() + "/nothing"}).status, 2);
  // All or nothing: the good event before the bad one was not stored either.
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "0");
}

}  // namespace
}  // namespace billsync::testing
