#include "support/object_tales.h"

namespace billsync::testing {
namespace {

std::string Quoted(const std::string& text) {
  return "\"" + text + "\"";
}

std::string QuotedOrNull(const std::string& text) {
  return text.empty() ? "null" : Quoted(text);
}

std::string NumberOrNull(const std::optional<int64_t>& number) {
  return number ? std::to_string(*number) : "null";
}

std::string Price(const Subscription& s) {
  return R"({"id":)" + Quoted(s.price) +
         R"(,"object":"price","active":true,"billing_scheme":"per_unit","created":1790841600,"currency":)" +
         Quoted(s.currency) + R"(,"livemode":false,"lookup_key":null,"metadata":{},"nickname":null,"product":)" +
         Quoted("prod_of_" + s.price) +
         R"(,"recurring":{"interval":"month","interval_count":1,"meter":null,"trial_period_days":null,)"
         R"("usage_type":"licensed"},"tax_behavior":"unspecified","tiers_mode":null,"transform_quantity":null,)"
         R"("type":"recurring","unit_amount":)" +
         std::to_string(s.amount) + R"(,"unit_amount_decimal":)" + Quoted(std::to_string(s.amount)) + "}";
}

std::string Plan(const Subscription& s) {
  return R"({"id":)" + Quoted(s.price) + R"(,"object":"plan","active":true,"amount":)" + std::to_string(s.amount) +
         R"(,"amount_decimal":)" + Quoted(std::to_string(s.amount)) + R"(,"billing_scheme":"per_unit","currency":)" +
         Quoted(s.currency) + R"(,"interval":"month","interval_count":1,"product":)" + Quoted("prod_of_" + s.price) +
         R"(,"usage_type":"licensed"})";
}

std::string Items(const Subscription& s, bool old_shape) {
  const std::string period = R"("current_period_start":)" + std::to_string(s.period_start) +
                             R"(,"current_period_end":)" + std::to_string(s.period_end) + ",";
  return R"({"object":"list","data":[{"id":)" + Quoted("si_" + s.id) + R"(,"object":"subscription_item","created":)" +
         std::to_string(s.created) + "," + (old_shape ? "" : period) + R"("discounts":[],"metadata":{},"price":)" +
         Price(s) + R"(,"quantity":)" + std::to_string(s.quantity) + R"(,"subscription":)" + Quoted(s.id) +
         R"(,"tax_rates":[]}],"has_more":false,"url":)" + Quoted("/v1/subscription_items?subscription=" + s.id) + "}";
}

std::string Lines(const Invoice& i, bool old_shape) {
  return R"({"object":"list","data":[{"id":)" + Quoted("il_" + i.id) + R"(,"object":"line_item","amount":)" +
         std::to_string(i.total) + R"(,"currency":)" + Quoted(i.currency) +
         R"(,"description":"1 × Agents, at the price of the month","discountable":true,"livemode":false,)"
         R"("metadata":{},"period":{"start":)" +
         std::to_string(i.created) + R"(,"end":)" + std::to_string(i.created + 30 * 86400) + R"(},"quantity":1,)" +
         (old_shape ? R"("proration":false,"subscription":)" + Quoted(i.subscription) + R"(,"type":"subscription"}])"
                    : R"("parent":{"type":"subscription_item_details","subscription_item_details":{"proration":false,)"
                      R"("subscription":)" +
                          Quoted(i.subscription) + "}}}]") +
         R"(,"has_more":false,"url":)" + Quoted("/v1/invoices/" + i.id + "/lines") + "}";
}

}  // namespace

JsonFields FieldsOf(const Subscription& s, bool old_shape) {
  JsonFields fields = {
      {"id", Quoted(s.id)},
      {"object", Quoted("subscription")},
      {"application", "null"},
      {"automatic_tax", R"({"enabled":false,"liability":null})"},
      {"billing_cycle_anchor", std::to_string(s.created)},
      {"cancel_at", NumberOrNull(s.cancel_at)},
      {"cancel_at_period_end", s.cancel_at_period_end ? "true" : "false"},
      {"canceled_at", NumberOrNull(s.canceled_at)},
      {"cancellation_details", R"({"comment":null,"feedback":null,"reason":null})"},
      {"collection_method", Quoted("charge_automatically")},
      {"created", std::to_string(s.created)},
      {"currency", Quoted(s.currency)},
      {"customer", Quoted(s.customer)},
      {"days_until_due", "null"},
      {"default_payment_method", Quoted("pm_" + s.customer)},
      {"discounts", "[]"},
      {"ended_at", NumberOrNull(s.ended_at)},
      {"items", Items(s, old_shape)},
      {"latest_invoice", QuotedOrNull(s.latest_invoice)},
      {"livemode", "false"},
      {"metadata", s.metadata},
      {"pause_collection", s.pause.empty() ? "null" : R"({"behavior":)" + Quoted(s.pause) + R"(,"resumes_at":null})"},
      {"pending_update", "null"},
      {"schedule", QuotedOrNull(s.schedule)},
      {"start_date", std::to_string(s.created)},
      {"status", Quoted(s.status)},
      {"test_clock", "null"},
      {"trial_end", NumberOrNull(s.trial_end)},
      {"trial_start", s.trial_end ? std::to_string(s.created) : "null"}};
  if (old_shape) {
    fields.emplace("current_period_start", std::to_string(s.period_start));
    fields.emplace("current_period_end", std::to_string(s.period_end));
    fields.emplace("discount", "null");
    fields.emplace("plan", Plan(s));
    fields.emplace("quantity", std::to_string(s.quantity));
  } else {
    fields.emplace("billing_mode", R"({"type":"flexible","updated_at":1793824200})");
    fields.emplace("customer_account", "null");
  }
  return fields;
}

JsonFields FieldsOf(const Invoice& i, bool old_shape) {
  const bool open = i.status == "open" || i.status == "uncollectible";
  JsonFields fields = {
      {"id", Quoted(i.id)},
      {"object", Quoted("invoice")},
      {"amount_due", std::to_string(i.total)},
      {"amount_paid", std::to_string(i.amount_paid)},
      {"amount_remaining", std::to_string(i.total - i.amount_paid)},
      {"attempt_count", std::to_string(i.attempt_count)},
      {"attempted", i.attempt_count > 0 ? "true" : "false"},
      {"auto_advance", open ? "true" : "false"},
      {"billing_reason", Quoted(i.billing_reason)},
      {"collection_method", Quoted("charge_automatically")},
      {"created", std::to_string(i.created)},
      {"currency", Quoted(i.currency)},
      {"customer", Quoted(i.customer)},
      {"customer_email", Quoted(i.customer + "@example.com")},
      {"due_date", "null"},
      {"hosted_invoice_url", i.finalized_at ? Quoted("https://invoice.stripe.com/i/" + i.id) : "null"},
      {"invoice_pdf", i.finalized_at ? Quoted("https://pay.stripe.com/invoice/" + i.id + "/pdf") : "null"},
      {"lines", Lines(i, old_shape)},
      {"livemode", "false"},
      {"metadata", "{}"},
      {"next_payment_attempt", "null"},
      {"number", QuotedOrNull(i.number)},
      {"period_end", std::to_string(i.created)},
      {"period_start", std::to_string(i.created - 86400)},
      {"post_payment_credit_notes_amount", "0"},
      {"pre_payment_credit_notes_amount", "0"},
      {"status", Quoted(i.status)},
      {"status_transitions", R"({"finalized_at":)" + NumberOrNull(i.finalized_at) + R"(,"marked_uncollectible_at":)" +
                                 NumberOrNull(i.uncollectible_at) + R"(,"paid_at":)" + NumberOrNull(i.paid_at) +
                                 R"(,"voided_at":)" + NumberOrNull(i.voided_at) + "}"},
      {"subtotal", std::to_string(i.total)},
      {"test_clock", "null"},
      {"total", std::to_string(i.total)}};
  if (old_shape) {
    fields.emplace("subscription", Quoted(i.subscription));
    fields.emplace("paid", i.status == "paid" ? "true" : "false");
    fields.emplace("payment_intent", Quoted(i.PaymentIntent()));
    fields.emplace("tax", "null");
  } else {
    fields.emplace("parent", R"({"type":"subscription_details","quote_details":null,"subscription_details":{)"
                             R"("metadata":{},"subscription":)" +
                                 Quoted(i.subscription) + "}}");
    fields.emplace("total_taxes", "[]");
  }
  return fields;
}

JsonFields Changed(const JsonFields& before, const JsonFields& after) {
  JsonFields changed;
  for (const auto& [name, value] : before) {
    const auto now = after.find(name);
    if (now == after.end() || now->second != value) changed.emplace(name, value);
  }
  return changed;
}

std::string JsonText(const JsonFields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += (text.empty() ? "{\"" : ",\"") + name + "\":" + value;
  return text.empty() ? "{}" : text + "}";
}

LifeEvent MakeEvent(const std::string& id, const std::string& type, int64_t created, const JsonFields& object,
                    const JsonFields& previous, bool old_shape) {
  const std::string object_id = object.contains("id") ? object.at("id") : Quoted("");
  std::string body = R"({"id":)" + Quoted(id) + R"(,"object":"event","api_version":)" +
                     Quoted(old_shape ? "2024-06-20" : "2026-10-28.endive") + R"(,"created":)" +
                     std::to_string(created) + R"(,"data":{"object":)" + JsonText(object);
  if (!previous.empty()) body += R"(,"previous_attributes":)" + JsonText(previous);
  body += R"(},"livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},"type":)" +
          Quoted(type) + "}";
  return {id, type, object_id.substr(1, object_id.size() - 2), created, std::move(body)};
}

}  // namespace billsync::testing
