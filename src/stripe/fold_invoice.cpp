#include "essential.h"
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
int NumberRank(const Invoice& invoice) {
  if (!invoice.number) return 0;
  return invoice.number->ends_with("-DRAFT") ? 1 : 2;
}

// Some renderings show no lines at all; one that shows only the first of them says that the period is not known.
bool TellsServicePeriod(const Invoice& invoice) {
  return invoice.lines_truncated || invoice.service_period_start || invoice.service_period_end;
}

bool IsPaid(const Invoice& invoice) {
  return invoice.status == "paid";
}
bool IsVoid(const Invoice& invoice) {
  return invoice.status == "void";
}

std::vector<Column<Invoice>> InvoiceColumns() {
  return {
      Newest("customer", &Invoice::customer),
      Newest("subscription", &Invoice::subscription),
      Highest("status", &Invoice::status, StatusRank),
      Newest("currency", &Invoice::currency),
      Newest("total", &Invoice::total),
      Newest("amount_due", &Invoice::amount_due),
      Newest("amount_paid", &Invoice::amount_paid),
      Newest("amount_remaining", &Invoice::amount_remaining),
      Newest("pre_payment_credit_notes_amount", &Invoice::pre_payment_credit_notes_amount),
      Newest("post_payment_credit_notes_amount", &Invoice::post_payment_credit_notes_amount),
      Newest("payment_intent", &Invoice::payment_intent),
      Newest("charge", &Invoice::charge),
      Highest("number", &Invoice::number, NumberRank),
      Newest("billing_reason", &Invoice::billing_reason),
      Newest("hosted_invoice_url", &Invoice::hosted_invoice_url),
      Newest("collection_method", &Invoice::collection_method),
      Newest("created", &Invoice::created),
      Newest("period_start", &Invoice::period_start),
      Newest("period_end", &Invoice::period_end),
      Highest("service_period_start", &Invoice::service_period_start, TellsServicePeriod),
      Highest("service_period_end", &Invoice::service_period_end, TellsServicePeriod),
      Newest("finalized_at", &Invoice::finalized_at),
      Newest("paid_at", &Invoice::paid_at),
      Newest("voided_at", &Invoice::voided_at),
      Newest("marked_uncollectible_at", &Invoice::marked_uncollectible_at),
      Highest("attempt_count", &Invoice::attempt_count, &Invoice::attempt_count),
      Highest("attempted", &Invoice::attempted, &Invoice::attempted),
  };
}

const Rules<Invoice>& InvoiceRules() {
  static const Rules<Invoice> rules{
      .use = EventUse::kInvoice,
      .decode = DecodeInvoice,
      .id = [](const Invoice& i) { return IsPreview(i) ? std::string() : *i.id; },
      .terminal = [](const Invoice& i) { return StatusRank(i) == 3; },
      .status_rank = StatusRank,
      .progress =
          [](const Invoice& i) {
            return std::array<std::int64_t, 2>{i.amount_paid.value_or(0), i.attempt_count};
          },
      .columns = InvoiceColumns(),
      .marks =
          [](const Invoice& i, Instant) {
            return IsPaid(i) || IsVoid(i) ? std::vector<std::string>{*i.status} : std::vector<std::string>{};
          },
  };
  return rules;
}

// Stripe does not void what is paid nor collect what is void: both means that we misread one. The newer one counts, and
// what Stripe answers when asked settles it.
bool ContradictsItself(const FoldedInvoice& folded) {
  const auto any = [&](auto predicate) {
    return std::any_of(folded.order.begin(), folded.order.end(), [&](const auto& o) { return predicate(o.snapshot); });
  };
  return folded.order.back().type != kApiReadType && any(IsPaid) && any(IsVoid);
}

}  // namespace

FoldResult<FoldedInvoice> FoldInvoice(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedInvoice>(events, InvoiceRules());
  if (result) result->needs_refetch |= ContradictsItself(*result);
  return result;
}

std::vector<std::string> EssentialOfInvoice(std::span<const StoredEvent> events) {
  return EssentialBy(events, InvoiceRules());
}

}  // namespace billsync::stripe
