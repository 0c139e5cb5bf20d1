// The fold on bursts: four bytes an event, so that the search varies what events say and not how JSON is written.
//
// First byte of the input: the kind. Then per event: type | status and second | what its object shows | what it says
// was there before.
#include <array>
#include <string>

#include "fuzz/fold_laws.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

using stripe::EventUse;

constexpr size_t kBytesPerEvent = 4;
constexpr size_t kMostEvents = 8;
constexpr long long kStart = 1'794'297'600;

template <size_t N>
std::string Pick(const std::array<const char*, N>& choices, unsigned bits) {
  return choices[bits % N];
}

std::string Quoted(const std::string& text) {
  return "\"" + text + "\"";
}

struct Code {
  unsigned type, state, shown, before;
};

constexpr std::array kSubscriptionTypes = {"created", "updated", "updated", "deleted", "paused", "resumed"};
constexpr std::array kSubscriptionStatuses = {"incomplete", "active", "past_due", "canceled",
                                              "trialing",   "paused", "unpaid",   "incomplete_expired"};
constexpr std::array kInvoiceTypes = {"created", "updated", "finalized", "paid", "payment_failed", "voided", "deleted"};
constexpr std::array kInvoiceStatuses = {"draft", "open", "uncollectible", "paid", "void"};
constexpr std::array kCustomerTypes = {"created", "updated", "updated", "deleted"};

// Members of a subscription out of six bits: price, end, newest invoice, period.
std::string SubscriptionMembers(unsigned bits, bool old_shape) {
  const std::string period = R"("current_period_start":)" + std::to_string(kStart + (bits & 1U) * 1000);
  return R"("latest_invoice":"in_)" + std::to_string((bits >> 1U) & 1U) + R"(","cancel_at":)" +
         ((bits & 4U) != 0 ? "1800000000" : "null") + (old_shape ? "," + period : "") +
         R"(,"items":{"data":[{"id":"si_1","price":{"id":"price_)" + std::to_string((bits >> 3U) & 3U) + R"("})" +
         (old_shape ? "" : "," + period) + "}]}";
}

std::string InvoiceMembers(unsigned bits) {
  return R"("attempt_count":)" + std::to_string(bits & 3U) + R"(,"amount_paid":)" + std::to_string((bits >> 2U) & 1U) +
         R"(,"number":)" + ((bits & 8U) != 0 ? Quoted("A-1") : "null") + R"(,"status_transitions":{"paid_at":)" +
         ((bits & 16U) != 0 ? "1794297700" : "null") + R"(,"voided_at":)" +
         ((bits & 32U) != 0 ? "1794297701" : "null") + "}";
}

std::string CustomerMembers(unsigned bits) {
  return R"("email":)" + ((bits & 1U) != 0 ? Quoted("a@example.com") : "null") + R"(,"metadata":{"user_id":"u)" +
         std::to_string((bits >> 1U) & 3U) + "\"}";
}

struct Parts {
  std::string type, object, previous;
};

Parts Subscription(const Code& code) {
  const std::string status = R"("status":)" + Quoted(Pick(kSubscriptionStatuses, code.state));
  const bool old_shape = (code.shown & 64U) != 0;
  std::string previous;
  if ((code.before & 1U) != 0) previous = R"("status":)" + Quoted(Pick(kSubscriptionStatuses, code.before >> 5U));
  if ((code.before & 2U) != 0)
    previous += (previous.empty() ? "" : ",") + SubscriptionMembers(code.before >> 2U, old_shape);
  return {"customer.subscription." + Pick(kSubscriptionTypes, code.type),
          R"({"id":"sub_1","object":"subscription","customer":"cus_1",)" + status + "," +
              SubscriptionMembers(code.shown, old_shape) + "}",
          previous};
}

Parts Invoice(const Code& code) {
  const std::string status = R"("status":)" + Quoted(Pick(kInvoiceStatuses, code.state));
  std::string previous;
  if ((code.before & 1U) != 0) previous = R"("status":)" + Quoted(Pick(kInvoiceStatuses, code.before >> 5U));
  if ((code.before & 2U) != 0) previous += (previous.empty() ? "" : ",") + InvoiceMembers(code.before >> 2U);
  return {"invoice." + Pick(kInvoiceTypes, code.type),
          R"({"id":"in_1","object":"invoice","customer":"cus_1","currency":"usd","total":100,)" + status + "," +
              InvoiceMembers(code.shown) + "}",
          previous};
}

Parts Customer(const Code& code) {
  return {"customer." + Pick(kCustomerTypes, code.type),
          R"({"id":"cus_1","object":"customer",)" + CustomerMembers(code.shown) + "}",
          (code.before & 1U) != 0 ? CustomerMembers(code.before >> 2U) : ""};
}

stripe::StoredEvent EventOf(const Parts& parts, unsigned second, size_t number) {
  // Ids sort in no relation to the place in the input.
  const std::string id = "evt_" + std::to_string((number * 5) % 8);
  const long long created = kStart + second;
  std::string payload = R"({"id":)" + Quoted(id) + R"(,"object":"event","type":)" + Quoted(parts.type) +
                        R"(,"created":)" + std::to_string(created) + R"(,"data":{"object":)" + parts.object;
  if (!parts.previous.empty()) payload += R"(,"previous_attributes":{)" + parts.previous + "}";
  return {id, parts.type, Instant{std::chrono::seconds{created}}, payload + "}}"};
}

}  // namespace

void Burst(std::string_view input) {
  if (input.empty()) return;
  constexpr std::array kUses = {EventUse::kSubscription, EventUse::kInvoice, EventUse::kCustomer};
  const EventUse use = kUses[static_cast<unsigned char>(input[0]) % kUses.size()];
  const auto byte = [&](size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(input[at])); };
  std::vector<stripe::StoredEvent> events;
  for (size_t at = 1; at + kBytesPerEvent <= input.size() && events.size() < kMostEvents; at += kBytesPerEvent) {
    const Code code{byte(at), byte(at + 1) >> 2U, byte(at + 2), byte(at + 3)};
    const Parts parts = use == EventUse::kSubscription ? Subscription(code)
                        : use == EventUse::kInvoice    ? Invoice(code)
                                                       : Customer(code);
    events.push_back(EventOf(parts, byte(at + 1) & 3U, events.size()));
  }
  if (!events.empty()) CheckFoldLaws(use, events);
}

}  // namespace billsync::fuzz
