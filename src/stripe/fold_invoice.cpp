#include "fold.h"

namespace billsync::stripe {
namespace {

// draft < open < uncollectible < {paid, void}. A status we do not know ranks with open: it may follow a draft, it never
// undoes an end.
int StatusRank(const Invoice& invoice) {
  if (!invoice.status) return -1;
  if (*invoice.status == "draft") return 0;
  if (*invoice.status == "uncollectible") return 2;
  if (*invoice.status == "paid" || *invoice.status == "void") return 3;
  return 1;
}

// Older versions give drafts a provisional number.
bool HasFinalNumber(const Invoice& invoice) {
  return invoice.number && !invoice.number->ends_with("-DRAFT");
}

Rules<Invoice> InvoiceRules() {
  return {
      .use = EventUse::kInvoice,
      .decode = DecodeInvoice,
      .id = [](const Invoice& i) { return IsPreview(i) ? std::string() : *i.id; },
      .terminal = [](const Invoice& i) { return StatusRank(i) == 3; },
      .status_rank = StatusRank,
      .progress =
          [](const Invoice& i) {
            return std::array<std::int64_t, 2>{i.amount_paid.value_or(0), i.attempt_count};
          },
  };
}

void InheritColumns(FoldedInvoice& folded) {
  Inherit(folded, "customer", &Invoice::customer);
  Inherit(folded, "subscription", &Invoice::subscription);
  Inherit(folded, "currency", &Invoice::currency);
  Inherit(folded, "total", &Invoice::total);
  Inherit(folded, "amount_due", &Invoice::amount_due);
  Inherit(folded, "amount_paid", &Invoice::amount_paid);
  Inherit(folded, "amount_remaining", &Invoice::amount_remaining);
  Inherit(folded, "pre_payment_credit_notes_amount", &Invoice::pre_payment_credit_notes_amount);
  Inherit(folded, "post_payment_credit_notes_amount", &Invoice::post_payment_credit_notes_amount);
  Inherit(folded, "number", &Invoice::number);
  Inherit(folded, "billing_reason", &Invoice::billing_reason);
  Inherit(folded, "hosted_invoice_url", &Invoice::hosted_invoice_url);
  Inherit(folded, "collection_method", &Invoice::collection_method);
  Inherit(folded, "created", &Invoice::created);
  Inherit(folded, "period_start", &Invoice::period_start);
  Inherit(folded, "period_end", &Invoice::period_end);
  Inherit(folded, "service_period_start", &Invoice::service_period_start);
  Inherit(folded, "service_period_end", &Invoice::service_period_end);
  Inherit(folded, "finalized_at", &Invoice::finalized_at);
  Inherit(folded, "paid_at", &Invoice::paid_at);
  Inherit(folded, "voided_at", &Invoice::voided_at);
  Inherit(folded, "marked_uncollectible_at", &Invoice::marked_uncollectible_at);
}

}  // namespace

FoldResult<FoldedInvoice> FoldInvoice(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedInvoice>(events, InvoiceRules());
  if (!result) return result;
  FoldedInvoice& folded = *result;
  InheritColumns(folded);
  TakeHighest(folded, "status", &Invoice::status, StatusRank);
  TakeHighest(folded, "number", &Invoice::number, HasFinalNumber);
  TakeHighest(folded, "attempt_count", &Invoice::attempt_count, [](const Invoice& i) { return i.attempt_count; });
  TakeHighest(folded, "attempted", &Invoice::attempted, [](const Invoice& i) { return i.attempted; });
  return result;
}

}  // namespace billsync::stripe
