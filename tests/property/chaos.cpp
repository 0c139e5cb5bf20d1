// Sets of events that make no sense together.
#include <rapidcheck.h>

#include <map>

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

struct Kind {
  std::vector<std::string> types;
  std::vector<std::string> members;  // any of them may be missing
};

const std::map<std::string, Kind>& Kinds() {
  static const std::map<std::string, Kind> kinds{
      {"price",
       {{"price.created", "price.updated", "price.updated", "price.deleted"},
        {R"("currency":"usd","unit_amount":5)",
         R"("currency":"usd","transform_quantity":{"divide_by":10,"round":"up"})",
         R"("currency":"eur","recurring":{"interval":"month"})", R"("lookup_key":"a")", R"("lookup_key":"b")",
         R"("deleted":true)", R"("metadata":{"plan_tier":"pro"})", R"("nickname":"n")"}}},
      {"product",
       {{"product.created", "product.updated", "product.deleted"},
        {R"("name":"a")", R"("metadata":{"plan_tier":"pro"})", R"("created":5)", R"("deleted":true)"}}},
      {"subscription_schedule",
       {{"subscription_schedule.created", "subscription_schedule.updated", "subscription_schedule.released"},
        {R"("status":"active")", R"("status":"not_started")", R"("status":"released","released_subscription":"sub_1")",
         R"("subscription":"sub_2")", R"("phases":[{"start_date":5,"end_date":9,"items":[{"price":"p"}]}])",
         R"("customer":"cus_1")", R"("current_phase":{"start_date":5,"end_date":9})"}}},
      {"charge",
       {{"charge.pending", "charge.succeeded", "charge.refunded", "charge.updated"},
        {R"("status":"pending")", R"("status":"succeeded")", R"("amount_refunded":5)", R"("amount_refunded":0)",
         R"("invoice":"in_1")", R"("payment_intent":"pi_1")"}}},
      {"payment_intent",
       {{"payment_intent.created", "payment_intent.succeeded", "payment_intent.canceled"},
        {R"("status":"processing")", R"("status":"succeeded")", R"("invoice":"in_1")", R"("latest_charge":"ch_1")"}}},
      {"invoice_payment",
       {{"invoice_payment.paid"},
        {R"("status":"open")", R"("status":"paid","amount_paid":5)", R"("invoice":"in_1")",
         R"("status_transitions":{"paid_at":5})"}}},
      {"refund",
       {{"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"},
        {R"("status":"pending")", R"("status":"succeeded")", R"("status":"failed")", R"("charge":"ch_1")",
         R"("reason":"duplicate")"}}},
      {"credit_note",
       {{"credit_note.created", "credit_note.updated", "credit_note.voided"},
        {R"("status":"issued")", R"("status":"void","voided_at":5)", R"("amount":5)", R"("number":"A-1")"}}},
      {"discount",
       {{"customer.discount.created", "customer.discount.updated", "customer.discount.deleted"},
        {R"("coupon":{"id":"a","percent_off":5})", R"("coupon":{"id":"b","amount_off":7,"currency":"usd"})",
         R"("source":{"coupon":"a"})", R"("source":{"coupon":"b"})", R"("promotion_code":"promo_1")",
         R"("subscription":"sub_1")"}}},
      {"entitlements.active_entitlement_summary",
       {{"entitlements.active_entitlement_summary.updated"},
        {R"("entitlements":{"data":[{"lookup_key":"a"}]})", R"("entitlements":{"data":[{"lookup_key":"b"}]})"}}},
  };
  return kinds;
}

}  // namespace

std::vector<StoredEvent> ChaosOf(const std::string& object_type, size_t most) {
  const Kind& kind = Kinds().at(object_type);
  const auto count = *rc::gen::inRange<size_t>(1, most + 1);
  const int seconds = *rc::gen::inRange(1, 12);
  std::vector<StoredEvent> events;
  for (size_t i = 0; i < count; ++i) {
    // Some demand a status; of a member given twice the first counts.
    std::string object = R"({"id":"one_1","object":)" + Text(object_type) + R"(,"customer":"cus_1")";
    for (const auto& member : kind.members) {
      if (*rc::gen::inRange(0, 3) == 0) object += "," + member;
    }
    if (object_type == "subscription_schedule") object += R"(,"status":"active")";
    object += "}";
    const std::string previous = *rc::gen::element<std::string>("", "", R"({"status":"pending"})");
    const int second = *rc::gen::inRange(0, seconds);
    const std::string type = kind.types[*rc::gen::inRange<size_t>(0, kind.types.size())];
    events.push_back(*rc::gen::inRange(0, 12) == 0 ? Read(RandomId(i), second, object)
                                                   : Event(RandomId(i), type, second, object, previous));
  }
  return events;
}

std::vector<StoredEvent> SubscriptionChaos(size_t most) {
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
      more += R"(,"latest_invoice":)" + *rc::gen::element<std::string>(R"("in_1")", R"("in_2")", R"("in_3")");
    if (*rc::gen::inRange(0, 5) == 0) {
      more += R"(,"billing_cycle_anchor_config":{"day_of_month":)" + Number(*rc::gen::inRange(30, 33)) + "}";
    }
    if (*rc::gen::arbitrary<bool>()) more += R"(,"currency":"usd","canceled_at":)" + Number(*rc::gen::inRange(1, 9));
    if (*rc::gen::inRange(0, 5) == 0)
      more += R"(,"schedule":)" + *rc::gen::element<std::string>(R"("s_1")", R"("s_2")");
    if (*rc::gen::inRange(0, 5) == 0) more += R"(,"pause_collection":{"behavior":"void"})";
    if (*rc::gen::inRange(0, 5) == 0) {
      more += R"(,"metadata":{"user_id":)" + *rc::gen::element<std::string>(R"("u_1")", R"("u_2")") + "}";
    }
    const std::string previous = *rc::gen::element<std::string>(
        "", "", R"({"status":"active"})", R"({"status":"past_due"})", R"({"latest_invoice":"in_1"})",
        R"({"latest_invoice":"in_2","status":"incomplete"})", R"({"items":{"data":[{"id":"si_1"}]}})");
    const int second = *rc::gen::inRange(0, seconds);
    const std::string id = RandomId(i);
    events.push_back(*rc::gen::inRange(0, 12) == 0
                         ? Read(id, second, Sub(status, more))
                         : Event(id, "customer.subscription." + type, second, Sub(status, more), previous));
  }
  return events;
}

std::vector<StoredEvent> InvoiceChaos(size_t most) {
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
    const std::string id = RandomId(i);
    events.push_back(*rc::gen::inRange(0, 12) == 0 ? Read(id, second, Inv(status, more))
                                                   : Event(id, "invoice." + type, second, Inv(status, more), previous));
  }
  return events;
}

std::vector<StoredEvent> CustomerChaos(size_t most) {
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
    const std::string id = RandomId(i);
    events.push_back(*rc::gen::inRange(0, 12) == 0 ? Read(id, second, object + "}")
                                                   : Event(id, "customer." + type, second, object + "}", previous));
  }
  return events;
}

}  // namespace billsync::stripe
