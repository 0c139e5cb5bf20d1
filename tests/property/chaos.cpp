// Sets of events that make no sense together.
#include <rapidcheck.h>

#include "told.h"
#include "unit/stripe/event_text.h"

namespace billsync::stripe {
namespace {

std::string Item(const std::string& id, const std::string& price, long long end) {
  return R"({"id":)" + Text(id) + R"(,"price":{"id":)" + Text(price) + R"(},"current_period_start":)" +
         Number(end - 100) + R"(,"current_period_end":)" + Number(end) + "}";
}

// None, some or all of the items, or an old plan in their place.
std::string AnyItems() {
  const int what = *rc::gen::inRange(0, 8);
  if (what == 0) return "";
  if (what == 1) return R"(,"plan":{"id":"plan_1"},"quantity":1)";
  std::string list;
  for (const char* id : {"si_1", "si_2", "si_3"}) {
    if (*rc::gen::arbitrary<bool>()) continue;
    list += (list.empty() ? "" : ",") + Item(id, *rc::gen::element<std::string>("price_1", "price_2", "price_3"),
                                             kStart + *rc::gen::inRange(-2, 14));
  }
  return R"(,"items":{"data":[)" + list + R"(],"has_more":)" + (what < 4 ? "true" : "false") + "}";
}

}  // namespace

std::vector<StoredEvent> SubscriptionChaos(size_t most, const std::string& id_suffix) {
  const auto count = *rc::gen::inRange<size_t>(1, most + 1);
  const int seconds = *rc::gen::inRange(1, 12);
  const bool lives = *rc::gen::arbitrary<bool>();
  std::vector<StoredEvent> events;
  for (size_t i = 0; i < count; ++i) {
    const std::string type = *rc::gen::element<std::string>("created", "updated", "updated", "updated", "paused",
                                                            lives ? "resumed" : "deleted");
    const std::string status =
        *rc::gen::element<std::string>("incomplete", "active", "active", "past_due", "past_due", "past_due",
                                       lives ? "unpaid" : "canceled", lives ? "trialing" : "incomplete_expired");
    std::string more = AnyItems();
    if (*rc::gen::arbitrary<bool>())
      more += R"(,"latest_invoice":)" + *rc::gen::element<std::string>(R"("in_1")", R"("in_2")");
    if (*rc::gen::arbitrary<bool>()) more += R"(,"currency":"usd","canceled_at":)" + Number(*rc::gen::inRange(1, 9));
    const std::string previous = *rc::gen::element<std::string>(
        "", "", R"({"status":"active"})", R"({"status":"past_due"})", R"({"latest_invoice":"in_1"})",
        R"({"latest_invoice":"in_2","status":"incomplete"})", R"({"items":{"data":[{"id":"si_1"}]}})");
    const int second = *rc::gen::inRange(0, seconds);
    const std::string id = RandomId(i) + id_suffix;
    events.push_back(*rc::gen::inRange(0, 12) == 0
                         ? Read(id, second, Sub(status, more))
                         : Event(id, "customer.subscription." + type, second, Sub(status, more), previous));
  }
  return events;
}

std::vector<StoredEvent> InvoiceChaos(size_t most, const std::string& id_suffix) {
  const auto count = *rc::gen::inRange<size_t>(1, most + 1);
  const int seconds = *rc::gen::inRange(1, 12);
  std::vector<StoredEvent> events;
  for (size_t i = 0; i < count; ++i) {
    const std::string status = *rc::gen::element<std::string>("draft", "open", "uncollectible", "paid", "void");
    const std::string type =
        *rc::gen::element<std::string>("created", "updated", "updated", "finalized", "paid", "deleted");
    std::string more = R"(,"attempt_count":)" + Number(*rc::gen::inRange(0, 4)) +
                       R"(,"status_transitions":{"finalized_at":)" + *rc::gen::element<std::string>("null", "7") + "}";
    if (*rc::gen::arbitrary<bool>())
      more += R"(,"number":)" + *rc::gen::element<std::string>(R"("A-1")", R"("A-DRAFT")");
    if (*rc::gen::arbitrary<bool>()) {
      more += R"(,"lines":{"has_more":)" + *rc::gen::element<std::string>("true", "false") +
              R"(,"data":[{"period":{"start":)" + Number(*rc::gen::inRange(1, 4)) + R"(,"end":9}}]})";
    }
    const std::string previous =
        *rc::gen::element<std::string>("", "", R"({"status":"open"})", R"({"attempt_count":1})");
    const int second = *rc::gen::inRange(0, seconds);
    const std::string id = RandomId(i) + id_suffix;
    events.push_back(*rc::gen::inRange(0, 12) == 0 ? Read(id, second, Inv(status, more))
                                                   : Event(id, "invoice." + type, second, Inv(status, more), previous));
  }
  return events;
}

std::vector<StoredEvent> CustomerChaos(size_t most, const std::string& id_suffix) {
  const auto count = *rc::gen::inRange<size_t>(1, most + 1);
  const int seconds = *rc::gen::inRange(1, 12);
  std::vector<StoredEvent> events;
  for (size_t i = 0; i < count; ++i) {
    const std::string type = *rc::gen::element<std::string>("created", "updated", "updated", "updated", "deleted");
    std::string object = R"({"id":"cus_1","object":"customer")";
    if (*rc::gen::arbitrary<bool>()) object += R"(,"email":)" + *rc::gen::element<std::string>(R"("a@b")", "null");
    if (*rc::gen::arbitrary<bool>())
      object += R"(,"metadata":{"user_id":)" + Text(Number(*rc::gen::inRange(1, 4))) + "}";
    if (*rc::gen::arbitrary<bool>()) object += R"(,"created":)" + Number(*rc::gen::inRange(1, 4));
    const std::string previous = *rc::gen::element<std::string>("", "", R"({"email":null})", R"({"email":"a@b"})");
    const int second = *rc::gen::inRange(0, seconds);
    const std::string id = RandomId(i) + id_suffix;
    events.push_back(*rc::gen::inRange(0, 12) == 0 ? Read(id, second, object + "}")
                                                   : Event(id, "customer." + type, second, object + "}", previous));
  }
  return events;
}

}  // namespace billsync::stripe
