#include "money_events.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

std::string Text(const std::string& name, const std::string& value) {
  return "\"" + name + "\":" + (value.empty() ? "null" : "\"" + value + "\"");
}

std::string Number(const std::string& name, long long value) {
  return "\"" + name + "\":" + std::to_string(value);
}

}  // namespace

std::string ChargeEvent::Body() const {
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "charge") + "," + Text("customer", customer) + "," +
                       Text("payment_intent", payment_intent) + "," + Text("invoice", invoice) + "," +
                       Text("currency", currency) + "," + Number("amount", amount) + "," +
                       Number("amount_refunded", amount_refunded) + "," + Text("status", "succeeded") + "," +
                       Number("created", kAsOfSeconds - 3000));
}

std::string PaymentIntentEvent::Body() const {
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "payment_intent") + "," + Text("customer", "cus_1") + "," +
                       Text("latest_charge", latest_charge) + "," + Text("invoice", invoice) + "," +
                       Text("currency", "usd") + "," + Number("amount", 2900) + "," + Text("status", "succeeded"));
}

std::string InvoicePaymentEvent::Body() const {
  return EventBody(event, "invoice_payment.paid", created,
                   Text("id", id) + "," + Text("object", "invoice_payment") + "," + Text("invoice", invoice) + "," +
                       Text("currency", "usd") + "," + Number("amount_paid", 2900) + "," + Text("status", status) +
                       ",\"payment\":{" + Text("type", charge.empty() ? "payment_intent" : "charge") + "," +
                       Text("payment_intent", payment_intent) + "," + Text("charge", charge) + "}");
}

std::string RefundEvent::Body() const {
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "refund") + "," + Text("payment_intent", payment_intent) +
                       "," + Text("charge", charge) + "," + Text("currency", currency) + "," +
                       Number("amount", amount) + "," + Text("status", status) + "," +
                       Number("created", kAsOfSeconds - 2000));
}

std::string CreditNoteEvent::Body() const {
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "credit_note") + "," + Text("invoice", invoice) + "," +
                       Text("customer", customer) + "," + Text("currency", "usd") + "," + Number("amount", amount) +
                       "," + Text("status", status) + "," + Text("type", "post_payment") + "," +
                       Number("created", issued_at) +
                       ",\"voided_at\":" + (voided_at == 0 ? "null" : std::to_string(voided_at)));
}

std::string PaidInvoiceEvent::Body() const {
  return EventBody(event, type, created,
                   Text("id", id) + "," + Text("object", "invoice") + "," + Text("customer", customer) + "," +
                       Text("status", "paid") + "," + Text("currency", currency) + "," + Number("total", total) + "," +
                       Number("amount_due", total) + "," + Number("amount_paid", total) + "," +
                       Number("amount_remaining", 0) + "," + Text("payment_intent", payment_intent) + "," +
                       Text("charge", charge) + "," + Number("pre_payment_credit_notes_amount", pre_payment_credit) +
                       "," + Number("post_payment_credit_notes_amount", post_payment_credit) + "," +
                       Number("created", kAsOfSeconds - 7200));
}

void ExpectInEveryOrder(Mirror& mirror, std::vector<std::string> bodies, const std::string& query,
                        const std::string& expected, const apply::ApplyOptions& options) {
  std::ranges::sort(bodies);
  do {
    mirror.Clear();
    AddUser(mirror.database, 1, {{"stripe_customer_id", "'cus_1'"}});
    std::string order;
    for (const auto& body : bodies) {
      mirror.Store(body);
      mirror.Apply(options);
      order += body.substr(7, body.find('"', 7) - 7) + " ";
    }
    ASSERT_EQ(mirror.database.Value(query), expected) << order;
  } while (std::ranges::next_permutation(bodies).found);
}

}  // namespace billsync::testing
