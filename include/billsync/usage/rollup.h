// Agent runs → billing_usage.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/base/progress.h"
#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// What to do with rows of billing_usage that billsync did not write: the platform's own history, which may count runs
// that were purged since. The two open months are always taken over.
enum class ForeignRows { kKeep, kTakeOver };

// Brings billing_usage up to date with every committed change of a run (of one month, if given), in transactions of
// bounded size. Changes of a closed month become adjustments, booked in the month of `now`. Returns the number of rows
// of billing_usage that changed and of adjustments; a second call right after returns 0. The cost depends on what
// changed since the last call, and not on the history. Months that the first fill has not reached wait. Any number of
// callers may run at once; each change is counted once, whatever crashes when.
// A backlog of more than one transaction is told to `progress`.
int64_t Rollup(db::Session& session, Instant now, const std::optional<billing::Month>& only = std::nullopt,
               const Progress& progress = Unwatched);

struct RecomputeOptions {
  ForeignRows foreign = ForeignRows::kKeep;
  // Take the runs' word for it where more is recorded than they say. Runs that were removed behind the triggers' back
  // (a partition dropped or detached) look just like that.
  bool allow_decrease = false;
};

// Pairs of user and model of which more is recorded than the runs say.
struct Decrease {
  int64_t pairs = 0;
};

// What Rollup does for one month, but from scratch: recomputes it from its runs, records what differs, and compares
// every row of billing_usage. Returns the number of rows that changed; a Decrease that is not allowed changes nothing.
tl::expected<int64_t, Decrease> RecomputeMonth(db::Session& session, const billing::Month& month, Instant now,
                                               RecomputeOptions options);

// kTouched: rows that tell by their updated_at that somebody else wrote them, and rows that are missing. kAny: also
// those that do not tell, such as rows put back from a backup; costs what the months' usage costs to add up.
enum class Restored { kTouched, kAny };
// Rewrites the rows of the two open months that somebody else wrote or changed, whether their runs changed or not.
// Returns the number of rows that changed.
int64_t RestoreOpenMonths(db::Session& session, Instant now, Restored which = Restored::kAny);

// Age of the oldest committed change that Rollup has not taken yet; 0 when there is none. A change is as old as the
// transaction that made it.
std::chrono::milliseconds RollupLag(db::Session& session);

// Every month with runs, deleted runs or recorded usage, oldest first. A run belongs to the month of its created_at in
// UTC; outside of 1970 to 9998 to none.
std::vector<billing::Month> MonthsOfUsage(db::Session& session);

// The months that are never history: the one of `now` and the one before.
std::vector<billing::Month> OpenMonths(Instant now);

// The first fill: takes in the months of a history from before billsync counted changes, newest first.
struct FillState {
  bool done = false;
  // The oldest month that is complete; none before the first step and at the end.
  std::optional<billing::Month> filled_from;
};
FillState FirstFill(db::Session& session);

// Takes in the next older month of the history, in a transaction of its own; none when the fill is complete, and
// nothing is done. May be stopped and resumed anywhere, on any machine, while the platform works.
// `progress` is told the months done and all there are.
std::optional<billing::Month> FillNextMonth(db::Session& session, Instant now, const Progress& progress = Unwatched);

// Completes the first fill. Returns the number of months it took in.
int64_t FillHistory(db::Session& session, const Clock& clock, const Progress& progress);

}  // namespace billsync::usage
