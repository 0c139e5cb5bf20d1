// Folded invoices → rows of billing_invoices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"
#include "outcomes.h"

namespace billsync::apply {

// What the invoice itself says credit notes come to, before and after payment together, in minor units; none when it
// names neither, or more than 64 bits hold. Pure.
std::optional<int64_t> CreditedBySnapshot(const stripe::Invoice& invoice);

// Upserts what can be; parks the claimed events of what cannot (no currency or amount, missing rate). Every
// subscription that holds a tier, or does not, by what was known of a changed one is to be looked at again (reviews.h);
// those of the same batch are written afterwards and see the new rows.
void WriteInvoices(db::Transaction& tx, const std::vector<InvoiceWork>& work, Outcomes& outcomes);

}  // namespace billsync::apply
