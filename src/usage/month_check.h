// A month's check inside a transaction of somebody else's.
#pragma once

#include "billsync/usage/verify.h"

namespace billsync::usage {

// As VerifyMonth, within `tx`; of one moment only if `tx` is a snapshot or holds LockRollup.
MonthCheck CheckMonth(db::Transaction& tx, const billing::Month& month);

// Whether the month is closed and its rows are not those that were frozen.
bool IsRewritten(db::Transaction& tx, const billing::Month& month);

}  // namespace billsync::usage
