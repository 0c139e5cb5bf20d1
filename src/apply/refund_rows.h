// Folded refunds → rows of billing_refunds.
#pragma once

#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// Needs no user. Parks the claimed events of a refund that shows no amount or currency.
void WriteRefunds(db::Transaction& tx, const std::vector<RefundWork>& work, Outcomes& outcomes);

}  // namespace billsync::apply
