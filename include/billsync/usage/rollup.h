// Agent runs → billing_usage.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// Recomputes billing_usage of one month from its runs, in one transaction. Returns the number of rows that changed; a
// second call right after returns 0. A run belongs to the month of its created_at in UTC and counts once terminal.
int64_t RollupMonth(db::Session& session, const billing::Month& month);

// Every month that can hold usage, oldest first; empty on a database without runs.
std::vector<billing::Month> MonthsWithRuns(db::Session& session);

// The months a scheduled rollup keeps fresh: the one of `now` and the one before.
std::vector<billing::Month> OpenMonths(Instant now);

}  // namespace billsync::usage
