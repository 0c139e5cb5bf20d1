#include "catalog_rows.h"

#include <algorithm>

#include "apply/catalog_sql.h"
#include "reviews.h"

namespace billsync::apply {
namespace {

db::Params RowOf(const stripe::Folded<stripe::CatalogPrice>& fold) {
  const auto& c = fold.current;
  const auto& p = c.price;
  const auto past = PastLookupKeys(fold);
  const auto& winner = fold.order.back();
  return db::Params::Of(p.id, p.product, c.nickname, p.currency, p.unit_amount, p.unit_amount_decimal, p.interval,
                        p.interval_count, p.metered, p.tiered, p.lookup_key,
                        db::ArrayLiteral({past.begin(), past.end()}), p.plan_tier, c.active, fold.deleted, c.livemode,
                        winner.event_id, winner.created, fold.needs_refetch);
}

db::Params RowOf(const stripe::Folded<stripe::Product>& fold) {
  const auto& p = fold.current;
  const auto& winner = fold.order.back();
  return db::Params::Of(p.id, p.name, p.plan_tier, p.active, fold.deleted, p.livemode, winner.event_id, winner.created,
                        fold.needs_refetch);
}

// Writes the rows; adds the ids of those whose meaning may have changed.
template <typename Work>
void Write(db::Transaction& tx, const db::Query& find_changed, const db::Query& upsert, const std::vector<Work>& works,
           size_t columns, std::vector<std::string>& changed) {
  if (works.empty()) return;
  db::ArrayColumns rows(columns);
  for (const auto& work : works) rows.AddRow(RowOf(work.fold));
  for (const db::Row row : tx.Exec(find_changed, rows.ToParams())) changed.push_back(row.Text("id"));
  tx.Exec(upsert, rows.ToParams());
}

}  // namespace

std::vector<std::string> PastLookupKeys(const stripe::Folded<stripe::CatalogPrice>& fold) {
  std::vector<std::string> past;
  for (auto at = fold.order.rbegin(); at != fold.order.rend(); ++at) {
    const auto& key = at->snapshot.price.lookup_key;
    if (!key || key == fold.current.price.lookup_key || std::ranges::find(past, *key) != past.end()) continue;
    past.push_back(*key);
  }
  return past;
}

void WriteCatalog(db::Transaction& tx, const std::vector<PriceWork>& prices, const std::vector<ProductWork>& products) {
  std::vector<std::string> changed;
  Write(tx, sql::kChangedPrices, sql::kUpsertPrices, prices, 19, changed);
  Write(tx, sql::kChangedProducts, sql::kUpsertProducts, products, 9, changed);
  RequestReview(tx, changed);
}

}  // namespace billsync::apply
