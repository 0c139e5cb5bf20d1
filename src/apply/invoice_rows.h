// Folded invoices → rows of billing_invoices.
#pragma once

#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "billsync/stripe/merge.h"
#include "outcomes.h"

namespace billsync::apply {

// One folded invoice with the events claimed for it in this batch.
struct InvoiceWork {
  stripe::FoldedInvoice fold;
  std::vector<const ClaimedEvent*> claimed;
  std::string user_id;
};

// Upserts what can be; parks the claimed events of what cannot (no currency or amount, missing rate).
void WriteInvoices(db::Transaction& tx, const std::vector<InvoiceWork>& work, Outcomes& outcomes);

}  // namespace billsync::apply
