#include "feature_rows.h"

#include <set>

#include "apply/payments_sql.h"

namespace billsync::apply {

std::vector<std::string> KnownFeatures(const stripe::Folded<stripe::ActiveEntitlements>& fold) {
  std::set<std::string> known;
  for (auto at = fold.order.rbegin(); at != fold.order.rend(); ++at) {
    known.insert(at->snapshot.lookup_keys.begin(), at->snapshot.lookup_keys.end());
    if (!at->snapshot.truncated) break;
  }
  return {known.begin(), known.end()};
}

void WriteFeatures(db::Transaction& tx, const std::vector<FeatureWork>& work) {
  db::ArrayColumns rows(7);
  for (const auto& one : work) {
    const auto& e = one.fold.current;
    const auto known = KnownFeatures(one.fold);
    const auto& winner = one.fold.order.back();
    rows.AddRow(db::Params::Of(e.customer, db::ArrayLiteral({known.begin(), known.end()}), e.truncated, e.livemode,
                               one.fold.needs_refetch, winner.event_id, winner.created));
  }
  if (!rows.empty()) tx.Exec(sql::kUpsertFeatures, rows.ToParams());
}

}  // namespace billsync::apply
