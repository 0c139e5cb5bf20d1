// Folded discounts → rows of billing_discounts.
#pragma once

#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// Needs no user.
void WriteDiscounts(db::Transaction& tx, const std::vector<DiscountWork>& work);

}  // namespace billsync::apply
