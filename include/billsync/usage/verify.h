// Usage recomputed independently, and compared to the last digit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// What disagrees with what.
enum class DriftKind {
  kUnrecorded,   // the runs, and what is recorded of them
  kUnpublished,  // what is recorded, and billing_usage with its adjustments
  kRewritten,    // the rows of a closed month are not those that were frozen: somebody went round the triggers
  kUnevenDays,   // billing_usage_by_day, and billing_usage_by_model
  kUnfilled,     // the first fill has not reached the month: nothing can be said yet
};
// "unrecorded", "unpublished", "rewritten", "uneven days", "unfilled"
std::string_view Name(DriftKind kind);

// One difference: what there should be more (or less, below zero) than there is. A difference of zero throughout is a
// rounding or breakdown that does not follow from its sums.
struct Drift {
  DriftKind kind;
  std::string user_id;  // empty: of the whole month
  std::string model;    // empty: of all models
  int64_t completed_runs = 0, failed_runs = 0, cancelled_runs = 0, unpriced_runs = 0;
  std::string tokens = "0", cost_usd = "0.0000";  // exact decimals
};

struct MonthCheck {
  billing::Month month;
  bool closed = false;
  int64_t foreign_rows = 0;  // rows the platform wrote itself: not compared
  std::vector<Drift> drifts;
};

// Recomputes a month from its runs, deleted ones included, and compares it with what is recorded and published, all of
// one moment; changes nothing. Costs about a GROUP BY of the month's runs.
MonthCheck VerifyMonth(db::Session& session, const billing::Month& month);

// Closed months whose rows are not those that were frozen: somebody went round the triggers. Reads their rows, no runs.
std::vector<billing::Month> RewrittenMonths(db::Session& session);

// Keeps a check's outcome for the metric billsync_usage_drift.
void RecordCheck(db::Session& session, const MonthCheck& check);

// Differences that the last check of each month found, of all months together; none when no month was checked.
struct DriftSummary {
  int64_t drifts = 0, months = 0;
};
DriftSummary LastChecks(db::Session& session);

}  // namespace billsync::usage
