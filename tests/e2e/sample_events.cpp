#include "e2e/sample_events.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <ctime>
#include <regex>

#include "support/postgres.h"
#include "support/program.h"

namespace billsync::testing {
namespace {

constexpr int64_t kFixturesAsOf = 1795176000;

}  // namespace

int64_t Now() {
  return static_cast<int64_t>(std::time(nullptr));
}

std::string Fixture(const std::string& path) {
  return ShiftedToNow(ReadSource("fixtures/events/" + path));
}

std::string ShiftedToNow(const std::string& text) {
  // One moment for a whole test program: texts shifted at different times stay in step.
  static const int64_t now = Now();
  const std::regex time(R"((: )(1[78]\d{8})(?=[,\n]))");
  std::string out;
  auto rest = text.cbegin();
  for (auto at = std::sregex_iterator(text.begin(), text.end(), time); at != std::sregex_iterator(); ++at) {
    out.append(rest, (*at)[2].first);
    out += std::to_string(std::stoll((*at)[2]) - kFixturesAsOf + now);
    rest = (*at)[2].second;
  }
  return out.append(rest, text.cend());
}

std::string Event(const std::string& id, const std::string& type, const std::string& object, bool livemode,
                  int64_t created) {
  return R"({"id":")" + id + R"(","object":"event","type":")" + type + R"(","created":)" + std::to_string(created) +
         R"(,"livemode":)" + (livemode ? "true" : "false") + R"(,"data":{"object":)" + object + "}}";
}

std::string SubscriptionEvent(const std::string& id, const std::string& subscription, const std::string& customer,
                              const std::string& status, int64_t created) {
  const std::string period = R"("current_period_start":)" + std::to_string(created) + R"(,"current_period_end":)" +
                             std::to_string(created + 2'592'000);
  const std::string price = R"({"id":"price_demo_pro_monthly","object":"price","currency":"usd","unit_amount":2900,)"
                            R"("billing_scheme":"per_unit","recurring":{"interval":"month","interval_count":1,)"
                            R"("usage_type":"licensed"}})";
  return Event(id, "customer.subscription.updated",
               R"({"id":")" + subscription + R"(","object":"subscription","customer":")" + customer +
                   R"(","status":")" + status + R"(","currency":"usd","created":)" + std::to_string(created) +
                   R"(,"cancel_at_period_end":false,"items":{"object":"list","has_more":false,"data":[{"id":"si_)" +
                   subscription + R"(","object":"subscription_item","quantity":1,)" + period + R"(,"price":)" + price +
                   "}]}}",
               false, created);
}

std::string SignInBulk(const std::string& body) {
  const std::string at = std::to_string(Now());
  const std::string message = at + "." + body;
  const std::string secret = kSecret;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return "t=" + at + ",v1=" + hex;
}

}  // namespace billsync::testing
