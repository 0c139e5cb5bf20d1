// What a subscription's snapshot says of a price, and what Stripe's catalog says of it, put together.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/billing/plan_map.h"

namespace billsync::billing {

// A price as the catalog knows it: the fold of its price.* events. Deleted ones mean what they meant.
struct CatalogPrice {
  Instant as_of;  // of the event that set it
  std::optional<std::string> product, lookup_key, metadata_tier;
  std::vector<std::string> past_lookup_keys;  // newest first
};

// What is known of the price of a snapshot that shows `shown` and was taken at `at`. The later of the two, snapshot
// and catalog, has the word on lookup key and metadata; in one second it is the snapshot.
//
// A later snapshot leaves open what it does not say (old renderings lack lookup keys): the catalog fills it in. A later
// catalog event shows the whole price: what it does not say any more is past. What the subscription's other snapshots
// said of the price (`own_past_keys`, newest first) is past as well: a lookup key that moves to another price takes
// nothing from those who bought the one that had it.
//
// `product_tier`: plan_tier in the metadata of the product, given its id; only the catalog knows it. Pure.
PriceFacts FactsOf(const PriceFacts& shown, Instant at, const std::optional<CatalogPrice>& catalog,
                   const std::optional<std::string>& product_tier, std::span<const std::string> own_past_keys);

}  // namespace billsync::billing
