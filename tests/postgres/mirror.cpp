#include "mirror.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "billsync/stripe/event.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

std::string Text(const std::string& name, const std::string& value) {
  return "\"" + name + "\":\"" + value + "\"";
}

std::string Number(const std::string& name, long long value) {
  return "\"" + name + "\":" + std::to_string(value);
}

}  // namespace

std::string EventBody(const std::string& event, const std::string& type, long long created, const std::string& object) {
  return "{" + Text("id", event) + "," + Text("object", "event") + "," + Text("api_version", "2026-10-28.endive") +
         "," + Text("type", type) + "," + Number("created", created) + ",\"livemode\":false,\"data\":{\"object\":{" +
         object + "}}}";
}

apply::ApplyOptions DemoOptions(int64_t batch) {
  const std::vector<billing::Plan> plans = {
      {.tier = billing::Tier::kFree, .monthly_runs_quota = 100, .prices = {}, .products = {}, .lookup_keys = {}},
      {.tier = billing::Tier::kPro,
       .monthly_runs_quota = 1000,
       .prices = {"price_demo_pro_monthly"},
       .products = {},
       .lookup_keys = {}},
      {.tier = billing::Tier::kEnterprise,
       .monthly_runs_quota = 10000,
       .prices = {"price_demo_enterprise_monthly"},
       .products = {},
       .lookup_keys = {}}};
  apply::ApplyOptions options;
  options.plans = billing::PlanMap(plans, {"price_demo_seat_addon"});
  options.batch = batch;
  return options;
}

std::string SubscriptionEvent::Body() const {
  const std::string price_object = "{" + Text("id", price) + "," + Text("object", "price") + "," +
                                   Text("currency", currency) + "," + Number("unit_amount", unit_amount) + "}";
  const std::string item = "{" + Text("id", "si_1") + "," + Number("current_period_start", period_start) + "," +
                           Number("current_period_end", period_end) + "," + Number("quantity", 1) +
                           ",\"price\":" + price_object + "}";
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "subscription") + "," + Text("customer", customer) + "," +
                       Text("status", status) + "," + Text("currency", currency) + ",\"metadata\":" + metadata +
                       ",\"items\":{\"object\":\"list\",\"data\":[" + item + "]}");
}

std::string InvoiceEvent::Body() const {
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "invoice") + "," + Text("customer", customer) + "," +
                       Text("status", status) + "," + Text("currency", currency) + "," + Number("total", total) + "," +
                       Number("amount_due", total) + "," + Number("amount_paid", status == "paid" ? total : 0) + "," +
                       Number("amount_remaining", status == "paid" ? 0 : total) + "," +
                       Number("created", kAsOfSeconds - 7200));
}

std::string CustomerEvent::Body() const {
  return EventBody(
      event, type, created,
      Text("id", id) + "," + Text("object", "customer") + "," + Text("email", email) + ",\"metadata\":" + metadata);
}

std::string CheckoutEvent::Body() const {
  return EventBody(event, "checkout.session.completed", created,
                   Text("id", "cs_" + event) + "," + Text("object", "checkout.session") + "," +
                       Text("customer", customer) + "," + Text("mode", "subscription") + "," +
                       (client_reference_id.empty() ? "\"client_reference_id\":null"
                                                    : Text("client_reference_id", client_reference_id)));
}

void Mirror::Store(const std::string& body, Instant at) {
  const auto envelope = stripe::ReadEnvelope(body);
  ASSERT_TRUE(envelope) << Code(envelope.error()) << " " << body;
  const auto session = pool_.Acquire();
  db::Transaction tx(*session);
  tx.Exec("test",
          "INSERT INTO stripe_events (id, type, object_type, object_id, customer, api_version, created, livemode,"
          " payload, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7::timestamptz, $8::boolean, $9, $10::timestamptz)",
          db::Params::Of(envelope->id, envelope->type, envelope->object_type, envelope->object_id, envelope->customer,
                         envelope->api_version, envelope->created, envelope->livemode, body, at));
  tx.Commit();
}

size_t Mirror::Apply(const apply::ApplyOptions& options, Instant now) {
  return apply::Applier(pool_, options, [now] { return now; }).ApplyAllDue();
}

std::string Mirror::StatusOf(const std::string& event) {
  return database.Value("SELECT status || coalesce(' ' || reason, '') FROM stripe_events WHERE id = '" + event + "'");
}

std::string Mirror::PlanOf(int user) {
  return database.Value("SELECT plan_tier || ' ' || monthly_runs_quota FROM users WHERE id = '" + UserId(user) + "'");
}

void Mirror::Clear() {
  database.Run(
      "DELETE FROM billing_invoices; DELETE FROM billing_subscriptions; DELETE FROM billing_customer_evidence; "
      "DELETE FROM billing_customers; DELETE FROM billing_payments; DELETE FROM billing_refunds; "
      "DELETE FROM billing_credit_notes; DELETE FROM billing_discounts; DELETE FROM billing_customer_features; "
      "DELETE FROM billing_plan_changes; DELETE FROM stripe_events; DELETE FROM users");
}

std::string Mirror::Rows() {
  return database.Value(R"(
      SELECT coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), '') FROM (
          SELECT 'subscription ' || (to_jsonb(s) - '{id,created_at,updated_at}'::text[])::text AS line
          FROM billing_subscriptions s
          UNION ALL
          SELECT 'invoice ' || (to_jsonb(i) - '{id,created_at,updated_at}'::text[])::text FROM billing_invoices i
          UNION ALL
          SELECT 'item ' || to_jsonb(si)::text FROM billing_subscription_items si
          UNION ALL
          SELECT 'schedule ' || (to_jsonb(sc) - '{updated_at}'::text[])::text FROM billing_subscription_schedules sc
          UNION ALL
          SELECT 'price ' || (to_jsonb(p) - '{updated_at}'::text[])::text FROM billing_prices p
          UNION ALL
          SELECT 'product ' || (to_jsonb(p) - '{updated_at}'::text[])::text FROM billing_products p
          UNION ALL
          SELECT 'customer ' || (to_jsonb(c) - '{linked_at,updated_at}'::text[])::text FROM billing_customers c
          UNION ALL
          SELECT 'payment ' || (to_jsonb(p) - '{updated_at}'::text[])::text FROM billing_payments p
          UNION ALL
          SELECT 'refund ' || (to_jsonb(r) - '{updated_at}'::text[])::text FROM billing_refunds r
          UNION ALL
          SELECT 'credit note ' || (to_jsonb(n) - '{updated_at}'::text[])::text FROM billing_credit_notes n
          UNION ALL
          SELECT 'discount ' || (to_jsonb(d) - '{updated_at}'::text[])::text FROM billing_discounts d
          UNION ALL
          SELECT 'features ' || (to_jsonb(f) - '{updated_at}'::text[])::text FROM billing_customer_features f
          UNION ALL
          SELECT 'user ' || id || ' ' || plan_tier || ' ' || monthly_runs_quota || ' ' ||
                 coalesce(stripe_customer_id, '-') || ' ' || coalesce(stripe_subscription_id, '-') FROM users
      ) t)");
}

std::vector<std::string> CaseBodies(const std::string& name) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(BILLSYNC_SOURCE_DIR "/fixtures/events/" + name)) {
    if (entry.path().filename() != "expected.json") files.insert(entry.path().filename());
  }
  std::vector<std::string> bodies;
  for (const auto& file : files) bodies.push_back(ReadSource("fixtures/events/" + name + "/" + file));
  return bodies;
}

}  // namespace billsync::testing
