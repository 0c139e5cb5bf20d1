#include "billsync/stripe/invoice.h"

#include <algorithm>

#include "field_reader.h"

namespace billsync::stripe {
namespace {

// Up to 2025-02-24.acacia at the top, from 2025-03-31.basil under parent; one-off invoices have neither.
std::optional<std::string> ReadSubscription(FieldReader& invoice) {
  if (auto moved = invoice.Child("parent").Child("subscription_details").Reference("subscription")) return moved;
  return invoice.Reference("subscription");
}

// `paid` was removed at basil; a payload that has it and no status still says which.
std::optional<std::string> ReadStatus(FieldReader& invoice) {
  if (auto status = invoice.Text("status")) return status;
  return invoice.Flag("paid") ? std::optional<std::string>("paid") : std::nullopt;
}

void ReadAmounts(FieldReader& source, Invoice& decoded) {
  decoded.currency = source.Text("currency");
  decoded.total = source.Int("total");
  decoded.amount_due = source.Int("amount_due");
  decoded.amount_paid = source.Int("amount_paid");
  decoded.amount_remaining = source.Int("amount_remaining");
  decoded.pre_payment_credit_notes_amount = source.Int("pre_payment_credit_notes_amount");
  decoded.post_payment_credit_notes_amount = source.Int("post_payment_credit_notes_amount");
}

void ReadTimes(FieldReader& source, Invoice& decoded) {
  decoded.created = source.Time("created");
  decoded.due_date = source.Time("due_date");
  decoded.period_start = source.Time("period_start");
  decoded.period_end = source.Time("period_end");
  decoded.next_payment_attempt = source.Time("next_payment_attempt");
  FieldReader transitions = source.Child("status_transitions");
  decoded.finalized_at = transitions.Time("finalized_at");
  decoded.paid_at = transitions.Time("paid_at");
  decoded.voided_at = transitions.Time("voided_at");
  decoded.marked_uncollectible_at = transitions.Time("marked_uncollectible_at");
}

void ReadServicePeriod(FieldReader& source, Invoice& decoded) {
  FieldReader lines = source.Child("lines");
  decoded.lines_truncated = lines.Flag("has_more");
  if (decoded.lines_truncated) return;
  size_t index = 0;
  for (const JsonValue element : lines.Raw("data").Elements()) {
    FieldReader period = lines.Element("data", index++, element).Child("period");
    const auto start = period.Time("start");
    const auto end = period.Time("end");
    if (start) decoded.service_period_start = std::min(decoded.service_period_start.value_or(*start), *start);
    if (end) decoded.service_period_end = std::max(decoded.service_period_end.value_or(*end), *end);
  }
}

}  // namespace

bool IsPreview(const Invoice& invoice) {
  return !invoice.id || invoice.id->starts_with("upcoming_in_");
}

tl::expected<Invoice, std::string> DecodeInvoice(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("invoice");
  Invoice decoded;
  decoded.id = source.Reference("id");
  decoded.customer = source.Reference("customer");
  if (!decoded.customer) decoded.customer = source.Reference("customer_account");
  decoded.subscription = ReadSubscription(source);
  decoded.status = ReadStatus(source);
  ReadAmounts(source, decoded);
  decoded.payment_intent = source.Reference("payment_intent");
  decoded.charge = source.Reference("charge");
  decoded.number = source.Text("number");
  decoded.billing_reason = source.Text("billing_reason");
  decoded.hosted_invoice_url = source.Text("hosted_invoice_url");
  decoded.collection_method = source.Text("collection_method");
  ReadTimes(source, decoded);
  ReadServicePeriod(source, decoded);
  decoded.attempt_count = source.Int("attempt_count").value_or(0);
  decoded.attempted = source.Flag("attempted");
  decoded.metadata = source.TextMap("metadata");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
