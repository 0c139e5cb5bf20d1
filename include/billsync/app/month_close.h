// The monthly batch: a month is brought up to date, verified, closed, its quotas reset, its files written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/report/export.h"
#include "billsync/usage/close.h"
#include "billsync/usage/quota_reset.h"

namespace billsync::app {

struct MonthCloseOptions {
  std::string by;                                 // who closes, for the record
  std::optional<std::string> export_directory{};  // a pack, DIRECTORY/YYYY-MM; none: no files
};

struct MonthCloseOutcome {
  usage::Period period;
  int64_t quotas_reset = 0;
  std::optional<report::Manifest> exported{};
};

// Takes the month through all steps. Each step is safe to repeat and notes when it is done, so the batch may be started
// again after any failure, and twice at a time, here or on another machine: the month is closed once, each user's quota
// is reset once per period, and the files of its pack are the same bytes. An error value: the month is not over or has
// drifted, and nothing was closed. Throws db::Error, or std::runtime_error when the files cannot be written.
tl::expected<MonthCloseOutcome, usage::NotClosed> RunMonthClose(db::Session& session, const billing::Month& month,
                                                                const MonthCloseOptions& options, const Clock& clock,
                                                                const Progress& progress = Unwatched);

}  // namespace billsync::app
