// What may be posted: bodies that are no events, events nobody uses, and payloads kept byte for byte.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/metrics_page.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

PostResult PostSigned(const RunningService& service, const std::string& body) {
  return PostEvent(service.port(), body, SignIndependently(body));
}

// status and reason of an event.
std::string Fate(TestDatabase& database, const std::string& id) {
  return database.Value("SELECT status || ' ' || coalesce(reason, '-') FROM stripe_events WHERE id = '" + id + "'");
}

TEST(WebhookBody, WhatIsNoEventIsRefusedWithItsCode) {
  TestDatabase database;
  RunningService service(database.url());
  const std::string good = Event("evt_1", "invoice.paid", R"({"id":"in_1","object":"invoice"})");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const struct {
    std::string body;
    const char* code;
  } cases[] = {
      {"", "body_not_json"},
      {"hello", "body_not_json"},
      {"{\"id\":\"evt_1\"", "body_not_json"},
      {good + "{}", "body_not_json"},
      {"\xEF\xBB\xBF" + good, "body_not_json"},
      {"[]", "not_an_event"},
      {"null", "not_an_event"},
      {"{}", "not_an_event"},
      {R"({"id":"in_1","object":"invoice"})", "not_an_event"},
      {with("\"event\"", "\"Event\""), "not_an_event"},
      {with("\"livemode\":false", "\"livemode\":\"false\""), "not_an_event"},
      {with("evt_1", ""), "event_id_invalid"},
      {with("\"evt_1\"", "7"), "event_id_invalid"},
      {with("evt_1", "evt_\\n1"), "event_id_invalid"},
      {with("evt_1", "evt_" + std::string(300, 'x')), "event_id_invalid"},
      {with("\"invoice.paid\"", "null"), "event_type_invalid"},
      {with("\"created\":", "\"created\":1000"), "event_created_invalid"},  // milliseconds
      {with("\"created\":", "\"created\":-"), "event_created_invalid"},
      {with("evt_1", "evt_\\u0000"), "body_nul"},
      {with("in_1", std::string("in\0", 3)), "body_nul"},
      {with("in_1", "in_\xC3\x28"), "body_bad_utf8"},
      {with("in_1", "in_\\ud800"), "body_bad_utf8"},
      {with("\"in_1\"", std::string(100, '[') + std::string(100, ']')), "body_too_deep"},
  };
  for (const auto& c : cases) {
    const auto answer = PostSigned(service, c.body);
    EXPECT_EQ(answer.status, 400) << c.body;
    EXPECT_EQ(Member(ParsedJson(answer.body), "code"), c.code) << c.body;
    EXPECT_EQ(answer.body.find("in_1"), std::string::npos) << answer.body;  // an answer tells nothing of the body
  }
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "0");
  EXPECT_EQ(Metric(service, "billsync_webhook_refused_total{code=\"body_nul\"}"), "2");
  EXPECT_EQ(PostSigned(service, good).status, 200);
}

TEST(WebhookBody, WhatWeDoNotUseIsStoredAsIgnoredWithItsReason) {
  TestDatabase database;
  RunningService service(database.url());
  for (const char* name : {"01-setup_intent.succeeded", "02-v1.customer.subscription.updated",
                           "03-billing.agent_wallet.rebalanced", "04-invoice.upcoming"}) {
    EXPECT_EQ(PostSigned(service, ReadSource(std::string("fixtures/events/noise/") + name + ".json")).status, 200)
        << name;
  }
  EXPECT_EQ(PostSigned(service, Event("evt_no_id", "invoice.created", R"({"object":"invoice"})")).status, 200);
  EXPECT_EQ(Fate(database, "evt_demo_noise_01"), "ignored type_not_used");
  EXPECT_EQ(Fate(database, "evt_demo_noise_02"), "ignored thin_event");
  EXPECT_EQ(Fate(database, "evt_demo_noise_03"), "ignored type_not_used");
  EXPECT_EQ(Fate(database, "evt_demo_noise_04"), "ignored type_not_used");
  EXPECT_EQ(Fate(database, "evt_no_id"), "ignored no_object_id");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_customers"), "0");
}

TEST(WebhookBody, EventsOfTheOtherModeAreStoredAndIgnored) {
  const std::string customer = R"({"id":"cus_1","object":"customer"})";
  const struct {
    const char* livemode;
    const char* test;
    const char* live;
  } cases[] = {{"any", "applied -", "applied -"},
               {"true", "ignored other_mode", "applied -"},
               {"false", "applied -", "ignored other_mode"}};
  for (const auto& c : cases) {
    TestDatabase database;
    RunningService service(database.url(), {{"BILLSYNC_LIVEMODE", c.livemode}});
    EXPECT_EQ(PostSigned(service, Event("evt_test", "customer.created", customer, false)).status, 200);
    EXPECT_EQ(PostSigned(service, Event("evt_live", "customer.created", customer, true)).status, 200);
    EXPECT_TRUE(Eventually([&] { return Fate(database, "evt_test") == c.test; })) << c.livemode;
    EXPECT_TRUE(Eventually([&] { return Fate(database, "evt_live") == c.live; })) << c.livemode;
  }
}

TEST(WebhookBody, EveryByteOfAPayloadIsKept) {
  TestDatabase database;
  RunningService service(database.url());
  const std::string frame = Event("ID", "charge.succeeded", R"({"id":"ch_1","object":"charge"})");
  const auto named = [&](const std::string& id, const std::string& object) {
    std::string text = frame;
    text.replace(text.find("\"ID\""), 4, "\"" + id + "\"");
    return text.replace(text.find("\"object\":{"), 10, "\"object\":{" + object);
  };
  const std::map<std::string, std::string> bodies = {
      {"evt_space", " \r\n\t" + named("evt_space", "\t\"a\" :\r\n [ 1 , 2 ] ,") + " \n\n"},
      {"evt_escape", named("evt_escape", R"("a":"\u00e9\u00E9\/\ud83d\ude00\t\\",)")},
      {"evt_multibyte", named("evt_multibyte", "\"a\":\"Größe € 😀 \xE2\x80\xA8 \x7F \xEF\xBF\xBD\",")},
      {"evt_numbers", named("evt_numbers", R"("a":[1.0,1e2,-0,0.1000,12345678901234567890],)")},
      {"evt_twice", named("evt_twice", R"("a":1,"a":2,"b":null,)")},
      {"evt_quotes", named("evt_quotes", R"("a":"'; DROP TABLE users; -- $1 {\"x\":\"\\\\\"} %s",)")},
      {"evt_long", named("evt_long", "\"a\":\"" + std::string(900'000, 'x') + "\",")},
  };
  for (const auto& [id, body] : bodies) {
    EXPECT_EQ(PostSigned(service, body).status, 200) << id;
    EXPECT_TRUE(database.Value("SELECT payload FROM stripe_events WHERE id = '" + id + "'") == body) << id;
    const auto shown = ParsedJson(Get(service.admin_port(), "/api/v1/events/" + id, kOpsToken).body);
    EXPECT_TRUE(Member(shown, "payload") == body) << id;
  }
}

}  // namespace
}  // namespace billsync::testing
