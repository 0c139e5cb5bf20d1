#include "catalog.h"

#include <vector>

#include "apply/catalog_sql.h"

namespace billsync::apply {
namespace {

template <typename Value>
std::vector<std::string> KeysOf(const std::map<std::string, Value>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, unused] : map) keys.push_back(key);
  return keys;
}

}  // namespace

void Catalog::Load(db::Transaction& tx) {
  if (prices_.empty()) return;
  for (const db::Row row : tx.Exec(sql::kReadPrices, db::Params::Of(KeysOf(prices_)))) {
    auto& price = prices_[row.Text("price_id")];
    if (!price) {
      price = billing::CatalogPrice{row.At("last_event_created"),
                                    row.OptText("product_id"),
                                    row.OptText("lookup_key"),
                                    row.OptText("plan_tier"),
                                    {}};
      if (price->product) WantProduct(*price->product);
    }
    if (const auto key = row.OptText("past_lookup_key")) price->past_lookup_keys.push_back(*key);
  }
  if (products_.empty()) return;
  for (const db::Row row : tx.Exec(sql::kReadProductTiers, db::Params::Of(KeysOf(products_)))) {
    products_[row.Text("product_id")] = row.Text("plan_tier");
  }
}

std::optional<billing::CatalogPrice> Catalog::Price(const std::string& id) const {
  const auto found = prices_.find(id);
  return found == prices_.end() ? std::nullopt : found->second;
}

std::optional<std::string> Catalog::ProductTier(const std::optional<std::string>& id) const {
  const auto found = id ? products_.find(*id) : products_.end();
  return found == products_.end() ? std::nullopt : found->second;
}

}  // namespace billsync::apply
