#include "payment_rows.h"

#include "apply/payments_sql.h"

namespace billsync::apply {
namespace {

db::Params RowOf(const stripe::Folded<stripe::Charge>& fold) {
  const auto& c = fold.current;
  const auto& winner = fold.order.back();
  return db::Params::Of(c.id, "charge", c.customer, c.payment_intent, c.id, c.invoice, c.currency, c.amount,
                        c.amount_refunded, c.status, nullptr, c.created, c.livemode, fold.needs_refetch,
                        winner.event_id, winner.created);
}

db::Params RowOf(const stripe::Folded<stripe::PaymentIntent>& fold) {
  const auto& p = fold.current;
  const auto& winner = fold.order.back();
  return db::Params::Of(p.id, "payment_intent", p.customer, p.id, p.latest_charge, p.invoice, p.currency, p.amount,
                        nullptr, p.status, nullptr, p.created, p.livemode, fold.needs_refetch, winner.event_id,
                        winner.created);
}

db::Params RowOf(const stripe::Folded<stripe::InvoicePayment>& fold) {
  const auto& p = fold.current;
  const auto& winner = fold.order.back();
  return db::Params::Of(p.id, "invoice_payment", nullptr, p.payment_intent, p.charge, p.invoice, p.currency,
                        p.amount_paid, nullptr, p.status, p.paid_at, p.created, p.livemode, fold.needs_refetch,
                        winner.event_id, winner.created);
}

}  // namespace

void WritePayments(db::Transaction& tx, const FoldedObjects& objects) {
  db::ArrayColumns rows(16);
  for (const auto& work : objects.charges) rows.AddRow(RowOf(work.fold));
  for (const auto& work : objects.payment_intents) rows.AddRow(RowOf(work.fold));
  for (const auto& work : objects.invoice_payments) rows.AddRow(RowOf(work.fold));
  if (!rows.empty()) tx.Exec(sql::kUpsertPayments, rows.ToParams());
}

}  // namespace billsync::apply
