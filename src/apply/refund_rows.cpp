#include "refund_rows.h"

#include "apply/payments_sql.h"

namespace billsync::apply {

void WriteRefunds(db::Transaction& tx, const std::vector<RefundWork>& work, Outcomes& outcomes) {
  db::ArrayColumns rows(13);
  for (const auto& one : work) {
    const auto& r = one.fold.current;
    if (!r.amount || !r.currency) {
      ParkAll(one, billing::ParkReason::kUnreadableShape, "the refund has no amount or currency", outcomes);
      continue;
    }
    const auto& winner = one.fold.order.back();
    rows.AddRow(db::Params::Of(r.id, r.customer, r.payment_intent, r.charge, *r.currency, *r.amount, r.status, r.reason,
                               r.created, r.livemode, one.fold.needs_refetch, winner.event_id, winner.created));
  }
  if (!rows.empty()) tx.Exec(sql::kUpsertRefunds, rows.ToParams());
}

}  // namespace billsync::apply
