// The public listener as a stranger meets it: what it answers to requests that are no webhook delivery.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/raw_exchange.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

std::string CodeOf(const RawAnswer& answer) {
  return Member(ParsedJson(answer.body), "code");
}

std::string Hex(size_t number) {
  char text[20];
  std::snprintf(text, sizeof text, "%zx", number);
  return text;
}

// One program for all of them: nothing here may leave anything behind.
class WebhookHttp : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    database_ = std::make_unique<TestDatabase>();
    service_ = std::make_unique<RunningService>(database_->url());
  }
  static void TearDownTestSuite() {
    service_.reset();
    database_.reset();
  }
  void TearDown() override { EXPECT_EQ(database_->Value("SELECT count(*) FROM stripe_events"), "0"); }

  static uint16_t port() { return service_->port(); }

  static std::unique_ptr<TestDatabase> database_;
  static std::unique_ptr<RunningService> service_;
  const std::string body_ = Event("evt_1", "charge.succeeded", R"({"id":"ch_1","object":"charge"})");
  const std::string signature_ = SignIndependently(body_);
};
std::unique_ptr<TestDatabase> WebhookHttp::database_;
std::unique_ptr<RunningService> WebhookHttp::service_;

TEST_F(WebhookHttp, ABodyWithoutALengthIs411) {
  const std::string head =
      "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nStripe-Signature: " + signature_ +
      "\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto answer = Exchange(port(), head + Hex(body_.size()) + "\r\n" + body_ + "\r\n0\r\n\r\n");
  EXPECT_EQ(answer.status, 411);
  EXPECT_EQ(CodeOf(answer), "length_required");
}

TEST_F(WebhookHttp, AnEncodedBodyIs415) {
  for (const char* coding : {"gzip", "br", "x-unknown"}) {
    const auto answer =
        Exchange(port(), RequestText("POST", "/webhooks/stripe",
                                     {{"Stripe-Signature", signature_}, {"Content-Encoding", coding}}, body_));
    EXPECT_EQ(answer.status, 415) << coding;
    EXPECT_EQ(CodeOf(answer), "encoded_body") << coding;
  }
}

TEST_F(WebhookHttp, ABodyOfMoreThanOneMebibyteIs413HoweverItIsSent) {
  const size_t limit = size_t{1} << 20U;
  std::string exact = Event("evt_big", "charge.succeeded", R"({"id":"ch_1","object":"charge","pad":"PAD"})");
  exact.replace(exact.find("PAD"), 3, std::string(limit - exact.size() + 3, 'x'));
  ASSERT_EQ(exact.size(), limit);
  EXPECT_EQ(PostRaw(port(), exact, SignIndependently(exact)).status, 200);

  const std::string above = exact + "\n";
  const auto answer = PostRaw(port(), above, SignIndependently(above));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(CodeOf(answer), "payload_too_large");
  // Announced only: nobody waits for ten gigabytes to say no.
  const auto announced = Exchange(port(),
                                  "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                  "Content-Length: 10000000000\r\n\r\n");
  EXPECT_EQ(announced.status, 413);
  const auto chunked = Exchange(port(),
                                "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n" +
                                    Hex(above.size()) + "\r\n" + above + "\r\n0\r\n\r\n");
  EXPECT_TRUE(chunked.status == 411 || chunked.status == 413) << chunked.status;
  database_->Run("DELETE FROM stripe_events");
}

TEST_F(WebhookHttp, OtherPathsAre404AndOtherMethods405) {
  for (const char* path : {"/", "/webhooks", "/webhooks/stripe/", "/webhooks/stripe/x", "/Webhooks/Stripe", "/metrics",
                           "/api/v1/events", "//webhooks/stripe"}) {
    const auto answer = Exchange(port(), RequestText("POST", path, {{"Stripe-Signature", signature_}}, body_));
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(CodeOf(answer), "not_found") << path;
  }
  for (const char* method : {"GET", "PUT", "PATCH", "DELETE"}) {
    const auto answer = Exchange(port(), RequestText(method, "/webhooks/stripe", {}, ""));
    EXPECT_EQ(answer.status, 405) << method;
    EXPECT_EQ(CodeOf(answer), "method_not_allowed") << method;
    EXPECT_NE(answer.head.find("\r\nAllow: POST"), std::string::npos) << answer.head;
  }
  EXPECT_EQ(Exchange(port(), RequestText("POST", "/healthz", {}, "")).status, 405);
}

TEST_F(WebhookHttp, TooManyOrTooLongHeadersAre431) {
  const std::string request = "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n";
  std::string many;
  for (int i = 0; i < 200; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(Exchange(port(), request + many + "\r\n").status, 431);
  EXPECT_EQ(Exchange(port(), request + "X-Long: " + std::string(20'000, 'y') + "\r\n\r\n").status, 431);
}

TEST_F(WebhookHttp, ASignatureHeaderThatComesTwiceIsMalformed) {
  const auto answer =
      Exchange(port(), RequestText("POST", "/webhooks/stripe",
                                   {{"Stripe-Signature", signature_}, {"Stripe-Signature", signature_}}, body_));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(CodeOf(answer), "signature_malformed");
}

TEST_F(WebhookHttp, HealthAndReadinessAreOpenToEverybody) {
  EXPECT_EQ(Get(port(), "/healthz").status, 200);
  EXPECT_EQ(Get(port(), "/readyz").status, 200);
  EXPECT_EQ(Get(port(), "/readyz").body, R"({"status":"ready"})");
}

}  // namespace
}  // namespace billsync::testing
