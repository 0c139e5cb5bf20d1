// Who may post: signatures by the openssl command, verified, refused and counted.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/metrics_page.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

std::string Count(TestDatabase& database) {
  return database.Value("SELECT count(*) FROM stripe_events");
}

TEST(WebhookSignature, ADuplicateIsAcknowledgedAndStoredOnce) {
  TestDatabase database;
  RunningService service(database.url());
  const std::string body = Event("evt_twice", "invoice.paid", R"({"id":"in_1","object":"invoice","customer":"cus_1"})");
  const auto first = PostEvent(service.port(), body, SignIndependently(body));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, R"({"received":true,"id":"evt_twice","duplicate":false})");
  EXPECT_EQ(first.headers.at("content-type"), "application/json");
  const std::string before = database.Value("SELECT md5(payload) || received_at || id FROM stripe_events");

  // A second delivery is signed anew and may even differ in a byte: the id decides, the first one stays.
  const std::string again = body + "\n";
  const auto second = PostEvent(service.port(), again, SignIndependently(again, kSecret, Now() - 5));
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, R"({"received":true,"id":"evt_twice","duplicate":true})");
  EXPECT_EQ(Count(database), "1");
  EXPECT_EQ(database.Value("SELECT md5(payload) || received_at || id FROM stripe_events"), before);
  EXPECT_EQ(Metric(service, "billsync_events_received_total{outcome=\"duplicate\"}"), "1");
  EXPECT_EQ(Metric(service, "billsync_events_received_total{outcome=\"stored\"}"), "1");
}

TEST(WebhookSignature, EveryKindOfForgeryIsRefusedWithItsCodeStoredNowhereAndCounted) {
  TestDatabase database;
  RunningService service(database.url());
  const std::string body = Event("evt_forged", "invoice.paid", R"({"id":"in_1","object":"invoice"})");
  const int64_t now = Now();
  const std::string good = SignIndependently(body, kSecret, now);
  const std::string hex = good.substr(good.find("v1=") + 3);
  const struct {
    std::string signature;
    const char* code;
  } cases[] = {
      {SignIndependently(body, "whsec_of_somebody_else", now), "signature_mismatch"},
      {SignIndependently(body + " ", kSecret, now), "signature_mismatch"},
      {"t=" + std::to_string(now + 1) + ",v1=" + hex, "signature_mismatch"},
      {"t=" + std::to_string(now) + ",v0=" + hex, "signature_malformed"},
      {"", "signature_missing"},
      {"v1=" + hex, "signature_malformed"},
      {"t=" + std::to_string(now), "signature_malformed"},
      {"t=now,v1=" + hex, "signature_malformed"},
      {hex, "signature_malformed"},
      {"t=" + std::to_string(now) + ",v1=" + hex.substr(1), "signature_malformed"},
      {SignIndependently(body, kSecret, now - 360), "signature_too_old"},
      {SignIndependently(body, kSecret, now + 360), "signature_from_the_future"},
      // An old forgery is a forgery: the age is judged after the signature.
      {SignIndependently(body, "whsec_of_somebody_else", now - 360), "signature_mismatch"},
  };
  std::map<std::string, int> expected;
  for (const auto& c : cases) {
    const auto answer = PostEvent(service.port(), body, c.signature);
    EXPECT_EQ(answer.status, 400) << c.signature;
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json") << c.signature;
    EXPECT_EQ(Member(ParsedJson(answer.body), "code"), c.code) << c.signature;
    EXPECT_EQ(Member(ParsedJson(answer.body), "status"), "400") << answer.body;
    ++expected[c.code];
  }
  EXPECT_EQ(Count(database), "0");
  for (const auto& [code, count] : expected) {
    EXPECT_EQ(Metric(service, "billsync_webhook_refused_total{code=\"" + code + "\"}"), std::to_string(count)) << code;
  }
  EXPECT_EQ(PostEvent(service.port(), body, good).status, 200);  // and the true one is not held back by them
}

TEST(WebhookSignature, BothSecretsOfARotationAreAcceptedAndCountedByName) {
  TestDatabase database;
  RunningService service(database.url(), {{"STRIPE_WEBHOOK_SECRET", "old=whsec_old,new=whsec_new"}});
  const auto post = [&](const std::string& id, const std::string& signature_of) {
    const std::string body = Event(id, "charge.succeeded", R"({"id":"ch_1","object":"charge"})");
    return PostEvent(service.port(), body, SignIndependently(body, signature_of, Now())).status;
  };
  EXPECT_EQ(post("evt_1", "whsec_old"), 200);
  EXPECT_EQ(post("evt_2", "whsec_new"), 200);
  EXPECT_EQ(post("evt_3", "whsec_new"), 200);
  EXPECT_EQ(post("evt_4", "whsec_other"), 400);
  EXPECT_EQ(Count(database), "3");
  EXPECT_EQ(Metric(service, "billsync_signatures_verified_total{secret=\"old\"}"), "1");
  EXPECT_EQ(Metric(service, "billsync_signatures_verified_total{secret=\"new\"}"), "2");
}

// While Stripe rolls a secret it signs with both: one header, two v1.
TEST(WebhookSignature, OneOfSeveralSignaturesInAHeaderIsEnough) {
  TestDatabase database;
  RunningService service(database.url());
  const std::string body = Event("evt_rolled", "charge.succeeded", R"({"id":"ch_1","object":"charge"})");
  const int64_t now = Now();
  const std::string other = SignIndependently(body, "whsec_the_next_one", now);
  const std::string ours = SignIndependently(body, kSecret, now);
  const std::string both = other + "," + ours.substr(ours.find("v1=")) + ",v0=" + std::string(64, '0');
  EXPECT_EQ(PostEvent(service.port(), body, both).status, 200);
}

TEST(WebhookSignature, TheToleranceIsThatOfTheConfiguration) {
  TestDatabase database;
  const Workplace place;
  const std::string config =
      place.Put("strict.toml", ReadSource("fixtures/demo/billsync.toml") + "\n[webhook]\ntolerance_s = 30\n");
  RunningService service(database.url(), {}, config);
  const std::string body = Event("evt_1", "charge.succeeded", R"({"id":"ch_1","object":"charge"})");
  EXPECT_EQ(PostEvent(service.port(), body, SignIndependently(body, kSecret, Now() - 60)).status, 400);
  EXPECT_EQ(PostEvent(service.port(), body, SignIndependently(body, kSecret, Now() - 10)).status, 200);
}

}  // namespace
}  // namespace billsync::testing
