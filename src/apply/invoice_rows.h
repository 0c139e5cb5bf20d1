// Folded invoices → rows of billing_invoices.
#pragma once

#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"
#include "outcomes.h"

namespace billsync::apply {

// Upserts what can be; parks the claimed events of what cannot (no currency or amount, missing rate).
void WriteInvoices(db::Transaction& tx, const std::vector<InvoiceWork>& work, Outcomes& outcomes);

}  // namespace billsync::apply
