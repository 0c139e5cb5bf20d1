// Agent runs → billing_usage.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// What to do with rows of billing_usage that billsync did not write: the platform's own history, which may count runs
// that were purged since.
enum class ForeignRows { kKeep, kTakeOver };

// Recomputes billing_usage of one month from its runs, in one transaction. Returns the number of rows that changed; a
// second call right after returns 0. A run belongs to the month of its created_at in UTC and counts once terminal.
int64_t RollupMonth(db::Session& session, const billing::Month& month, ForeignRows foreign);

// Every month that can hold usage, oldest first; empty on a database without runs. Months before 2000 and after the
// next one are left out: a run stamped so is a mistake, and doctor tells of it.
std::vector<billing::Month> MonthsWithRuns(db::Session& session, Instant now);

// The months every rollup keeps fresh and takes over: the one of `now` and the one before.
std::vector<billing::Month> OpenMonths(Instant now);

}  // namespace billsync::usage
