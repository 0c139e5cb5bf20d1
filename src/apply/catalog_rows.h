// Folded prices and products → billing_prices, billing_products.
#pragma once

#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// Upserts them. Where that changes what prices may mean (product, lookup keys, plan_tier), the subscriptions that show
// them and the events parked for an unmapped price are to be looked at again (reviews.h). The batch must hold the
// cross-object lock alone; its own subscriptions are written afterwards and see the new rows.
void WriteCatalog(db::Transaction& tx, const std::vector<PriceWork>& prices, const std::vector<ProductWork>& products);

// Lookup keys the price had in older snapshots and has no more, newest first, each once. Pure.
std::vector<std::string> PastLookupKeys(const stripe::Folded<stripe::CatalogPrice>& fold);

}  // namespace billsync::apply
