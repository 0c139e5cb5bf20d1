#include "discount_rows.h"

#include "apply/payments_sql.h"

namespace billsync::apply {

void WriteDiscounts(db::Transaction& tx, const std::vector<DiscountWork>& work) {
  db::ArrayColumns rows(14);
  for (const auto& one : work) {
    const auto& d = one.fold.current;
    const auto& winner = one.fold.order.back();
    rows.AddRow(db::Params::Of(d.id, d.customer, d.subscription, d.coupon, d.promotion_code, d.percent_off,
                               d.amount_off, d.currency, d.start, d.end, one.fold.deleted, one.fold.needs_refetch,
                               winner.event_id, winner.created));
  }
  if (!rows.empty()) tx.Exec(sql::kUpsertDiscounts, rows.ToParams());
}

}  // namespace billsync::apply
