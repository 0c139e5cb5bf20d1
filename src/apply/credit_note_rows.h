// Folded credit notes → rows of billing_credit_notes.
#pragma once

#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// Needs no user. Parks the claimed events of a credit note that shows no invoice, amount or currency.
void WriteCreditNotes(db::Transaction& tx, const std::vector<CreditNoteWork>& work, Outcomes& outcomes);

}  // namespace billsync::apply
