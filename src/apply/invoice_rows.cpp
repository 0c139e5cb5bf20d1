#include "invoice_rows.h"

#include <algorithm>

#include "apply/rows_sql.h"
#include "billsync/billing/money.h"
#include "exchange_rates.h"
#include "reviews.h"

namespace billsync::apply {
namespace {

using billing::ParkReason;

// When Stripe made the invoice: its own `created`, else that of its first event.
Instant IssuedAt(const InvoiceWork& work) {
  return work.fold.current.created.value_or(work.fold.order.front().created);
}

// When the invoice said what it was credited: the winner's moment, unless older events had to tell.
Instant CreditedAsOf(const stripe::FoldedInvoice& fold) {
  Instant as_of = fold.order.back().created;
  for (const auto& origin : fold.origins) {
    if (origin.column != "pre_payment_credit_notes_amount" && origin.column != "post_payment_credit_notes_amount")
      continue;
    for (const auto& one : fold.order) {
      if (one.event_id == origin.event_id) as_of = std::min(as_of, one.created);
    }
  }
  return as_of;
}

std::optional<db::Params> RowOf(const InvoiceWork& work, const ExchangeRates& rates, Outcomes& outcomes) {
  const auto& i = work.fold.current;
  const auto total = i.total ? i.total : i.amount_due;
  if (!i.id || !i.currency || !total) {
    ParkAll(work, ParkReason::kUnreadableShape, "the invoice has no id, currency or total", outcomes);
    return std::nullopt;
  }
  const auto rate = rates.Find(*i.currency, IssuedAt(work));
  if (!rate) {
    ParkAll(work, ParkReason::kMissingExchangeRate,
            "billing_fx_rates has no rate for " + *i.currency + " on " + FormatInstant(IssuedAt(work)).substr(0, 10),
            outcomes);
    return std::nullopt;
  }
  const int decimals = billing::MinorUnitDecimals(*i.currency);
  const auto decimal = [&](std::optional<int64_t> minor) -> std::optional<std::string> {
    if (!minor) return std::nullopt;
    return billing::FormatMinor(*minor, decimals);
  };
  const auto paid = i.amount_paid.value_or(0);
  const bool dollars = *i.currency == "usd";
  const auto& winner = work.fold.order.back();
  return db::Params::Of(work.user_id, *i.id, i.customer, i.subscription, i.hosted_invoice_url, i.number,
                        i.billing_reason, work.fold.deleted ? "deleted" : i.status.value_or("draft"), *i.currency,
                        *total, paid, i.amount_remaining, CreditedBySnapshot(i), CreditedAsOf(work.fold),
                        i.payment_intent, i.charge, decimal(total), decimal(paid), dollars ? std::nullopt : rate,
                        i.due_date, IssuedAt(work), i.finalized_at, i.paid_at, i.voided_at, i.marked_uncollectible_at,
                        i.attempt_count, i.next_payment_attempt, work.fold.deleted, i.livemode, winner.event_id,
                        winner.created, work.fold.needs_refetch);
}

}  // namespace

std::optional<int64_t> CreditedBySnapshot(const stripe::Invoice& invoice) {
  const auto& pre = invoice.pre_payment_credit_notes_amount;
  const auto& post = invoice.post_payment_credit_notes_amount;
  int64_t sum = 0;
  if ((!pre && !post) || __builtin_add_overflow(pre.value_or(0), post.value_or(0), &sum)) return std::nullopt;
  return sum;
}

void WriteInvoices(db::Transaction& tx, const std::vector<InvoiceWork>& work, Outcomes& outcomes) {
  ExchangeRates rates;
  for (const auto& one : work) {
    if (one.fold.current.currency) rates.Want(*one.fold.current.currency, IssuedAt(one));
  }
  rates.Load(tx);
  db::ArrayColumns rows(32);
  for (const auto& one : work) {
    if (const auto row = RowOf(one, rates, outcomes)) rows.AddRow(*row);
  }
  if (rows.empty()) return;
  std::vector<std::string> written, holds;
  for (const db::Row row : tx.Exec(sql::kUpsertInvoices, rows.ToParams())) {
    written.push_back(row.Text("stripe_invoice_id"));
  }
  if (written.empty()) return;
  for (const db::Row row : tx.Exec(sql::kFindHoldsOnInvoices, db::Params::Of(written))) {
    holds.push_back(row.Text("stripe_subscription_id"));
  }
  LookAgain(tx, holds);
}

}  // namespace billsync::apply
