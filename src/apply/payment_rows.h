// Folded charges, payment intents and invoice payments → rows of billing_payments.
#pragma once

#include "billsync/db/session.h"
#include "folded_objects.h"

namespace billsync::apply {

// Each row keeps what its object says of the others. Needs no user: a payment is known before its customer is.
void WritePayments(db::Transaction& tx, const FoldedObjects& objects);

}  // namespace billsync::apply
