#include "credit_note_rows.h"

#include <algorithm>

#include "apply/payments_sql.h"

namespace billsync::apply {
namespace {

// Stripe's own moment; that of the first event where the note does not say.
Instant IssuedAt(const stripe::Folded<stripe::CreditNote>& fold) {
  if (fold.current.created) return *fold.current.created;
  Instant first = fold.order.back().created;
  for (const auto& one : fold.order) first = std::min(first, one.created);
  return first;
}

// That of the first event that shows the note void, where the note does not say.
std::optional<Instant> VoidedAt(const stripe::Folded<stripe::CreditNote>& fold) {
  if (fold.current.voided_at || fold.current.status != "void") return fold.current.voided_at;
  Instant first = fold.order.back().created;
  for (const auto& one : fold.order) {
    if (one.snapshot.status == "void") first = std::min(first, one.created);
  }
  return first;
}

}  // namespace

void WriteCreditNotes(db::Transaction& tx, const std::vector<CreditNoteWork>& work, Outcomes& outcomes) {
  db::ArrayColumns rows(17);
  for (const auto& one : work) {
    const auto& n = one.fold.current;
    if (!n.invoice || !n.amount || !n.currency) {
      ParkAll(one, billing::ParkReason::kUnreadableShape, "the credit note has no invoice, amount or currency",
              outcomes);
      continue;
    }
    const auto& winner = one.fold.order.back();
    rows.AddRow(db::Params::Of(n.id, *n.invoice, n.customer, n.number, n.type, n.status, n.reason, *n.currency,
                               *n.amount, n.pre_payment_amount, n.post_payment_amount, IssuedAt(one.fold),
                               VoidedAt(one.fold), n.livemode, one.fold.needs_refetch, winner.event_id,
                               winner.created));
  }
  if (!rows.empty()) tx.Exec(sql::kUpsertCreditNotes, rows.ToParams());
}

}  // namespace billsync::apply
