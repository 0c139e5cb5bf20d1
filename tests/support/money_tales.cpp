#include "support/object_tales.h"

namespace billsync::testing {
namespace {

std::string Quoted(const std::string& text) {
  return "\"" + text + "\"";
}

}  // namespace

JsonFields ChargeFields(const Invoice& i, const Payment& p, bool old_shape) {
  JsonFields fields = {{"id", Quoted(p.charge)},
                       {"object", Quoted("charge")},
                       {"amount", std::to_string(i.total)},
                       {"amount_captured", std::to_string(i.total)},
                       {"amount_refunded", std::to_string(p.refunded)},
                       {"created", std::to_string(i.paid_at.value_or(i.created))},
                       {"currency", Quoted(i.currency)},
                       {"customer", Quoted(i.customer)},
                       {"livemode", "false"},
                       {"metadata", "{}"},
                       {"paid", "true"},
                       {"payment_intent", Quoted(p.intent)},
                       {"refunded", p.refunded == i.total ? "true" : "false"},
                       {"status", Quoted("succeeded")}};
  if (old_shape) fields.emplace("invoice", Quoted(i.id));
  return fields;
}

JsonFields IntentFields(const Invoice& i, const Payment& p, bool old_shape) {
  JsonFields fields = {{"id", Quoted(p.intent)},
                       {"object", Quoted("payment_intent")},
                       {"amount", std::to_string(i.total)},
                       {"created", std::to_string(i.created)},
                       {"currency", Quoted(i.currency)},
                       {"customer", Quoted(i.customer)},
                       {"latest_charge", Quoted(p.charge)},
                       {"livemode", "false"},
                       {"metadata", "{}"},
                       {"status", Quoted("succeeded")}};
  if (old_shape) fields.emplace("invoice", Quoted(i.id));
  return fields;
}

JsonFields InvoicePaymentFields(const Invoice& i, const Payment& p) {
  return {{"id", Quoted(p.invoice_payment)},
          {"object", Quoted("invoice_payment")},
          {"amount_paid", std::to_string(i.total)},
          {"amount_requested", std::to_string(i.total)},
          {"created", std::to_string(i.created)},
          {"currency", Quoted(i.currency)},
          {"invoice", Quoted(i.id)},
          {"is_default", "true"},
          {"livemode", "false"},
          {"payment", R"({"type":"payment_intent","payment_intent":)" + Quoted(p.intent) + "}"},
          {"status", Quoted("paid")},
          {"status_transitions",
           R"({"canceled_at":null,"paid_at":)" + std::to_string(i.paid_at.value_or(i.created)) + "}"}};
}

JsonFields RefundFields(const std::string& id, const Invoice& i, const Payment& p, int64_t amount,
                        const std::string& status, int64_t created) {
  return {{"id", Quoted(id)},           {"object", Quoted("refund")},         {"amount", std::to_string(amount)},
          {"charge", Quoted(p.charge)}, {"created", std::to_string(created)}, {"currency", Quoted(i.currency)},
          {"metadata", "{}"},           {"payment_intent", Quoted(p.intent)}, {"reason", "null"},
          {"status", Quoted(status)}};
}

JsonFields CreditNoteFields(const std::string& id, const Invoice& i, int64_t amount, int64_t created,
                            std::optional<int64_t> voided_at) {
  return {{"id", Quoted(id)},
          {"object", Quoted("credit_note")},
          {"amount", std::to_string(amount)},
          {"created", std::to_string(created)},
          {"currency", Quoted(i.currency)},
          {"customer", Quoted(i.customer)},
          {"invoice", Quoted(i.id)},
          {"livemode", "false"},
          {"number", Quoted("CN-" + id.substr(id.size() - 4))},
          {"pre_payment_amount", "0"},
          {"post_payment_amount", std::to_string(amount)},
          {"status", Quoted(voided_at ? "void" : "issued")},
          {"type", Quoted("post_payment")},
          {"voided_at", voided_at ? std::to_string(*voided_at) : "null"}};
}

JsonFields ScheduleFields(const std::string& id, const Subscription& s, const std::string& next_price,
                          const std::string& status) {
  const std::string start = std::to_string(s.period_start), end = std::to_string(s.period_end);
  const bool active = status == "active";
  return {{"id", Quoted(id)},
          {"object", Quoted("subscription_schedule")},
          {"created", std::to_string(s.created)},
          {"current_phase", active ? R"({"start_date":)" + start + R"(,"end_date":)" + end + "}" : "null"},
          {"customer", Quoted(s.customer)},
          {"end_behavior", Quoted("release")},
          {"livemode", "false"},
          {"metadata", "{}"},
          {"phases", R"([{"start_date":)" + start + R"(,"end_date":)" + end + R"(,"items":[{"price":)" +
                         Quoted(s.price) + R"(,"quantity":1}]},{"start_date":)" + end + R"(,"end_date":)" +
                         std::to_string(s.period_end + 30 * 86400) + R"(,"items":[{"price":)" + Quoted(next_price) +
                         R"(,"quantity":1}]}])"},
          {"released_subscription", active ? "null" : Quoted(s.id)},
          {"status", Quoted(status)},
          {"subscription", active ? Quoted(s.id) : "null"}};
}

}  // namespace billsync::testing
