#include "billsync/billing/price_facts.h"

#include <algorithm>

namespace billsync::billing {
namespace {

// Appends what is new and not the present value.
void AddPast(std::vector<std::string>& past, const std::optional<std::string>& value,
             const std::optional<std::string>& present) {
  if (!value || value == present || std::ranges::find(past, *value) != past.end()) return;
  past.push_back(*value);
}

}  // namespace

PriceFacts FactsOf(const PriceFacts& shown, Instant at, const std::optional<CatalogPrice>& catalog,
                   const std::optional<std::string>& product_tier, std::span<const std::string> own_past_keys) {
  PriceFacts facts = shown;
  facts.product_tier = product_tier;
  if (catalog) {
    if (!facts.product) facts.product = catalog->product;
    if (catalog->as_of > at) {
      facts.lookup_key = catalog->lookup_key;
      facts.metadata_tier = catalog->metadata_tier;
    } else {
      if (!facts.lookup_key) facts.lookup_key = catalog->lookup_key;
      if (!facts.metadata_tier) facts.metadata_tier = catalog->metadata_tier;
    }
    AddPast(facts.past_lookup_keys, shown.lookup_key, facts.lookup_key);
    AddPast(facts.past_lookup_keys, catalog->lookup_key, facts.lookup_key);
    for (const auto& key : catalog->past_lookup_keys) AddPast(facts.past_lookup_keys, key, facts.lookup_key);
    AddPast(facts.past_metadata_tiers, shown.metadata_tier, facts.metadata_tier);
    AddPast(facts.past_metadata_tiers, catalog->metadata_tier, facts.metadata_tier);
  }
  for (const auto& key : own_past_keys) AddPast(facts.past_lookup_keys, key, facts.lookup_key);
  return facts;
}

}  // namespace billsync::billing
