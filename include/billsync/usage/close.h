// A month is closed: frozen, with totals and a digest. What comes later is an adjustment.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/usage/verify.h"

namespace billsync::usage {

// A month and its totals: final ones once it is closed.
struct Period {
  billing::Month month;
  std::optional<Instant> closed_at{};  // none: open
  std::string closed_by{};
  int64_t users = 0;
  std::string total_runs = "0", total_tokens = "0";
  std::string total_cost_usd = "0.00", total_cost_exact_usd = "0.0000";
  std::string usage_sha256{};  // of a closed one
};

// Every month with usage, newest first.
std::vector<Period> ListPeriods(db::Session& session);

// Why a month was not closed.
struct NotClosed {
  enum class Reason {
    kNotOver,
    kWaiting,  // usage waits for users whose rows another transaction holds; again later
    kDrift,    // also of a closed month that was rewritten since
  };
  Reason reason;
  MonthCheck check;  // of kDrift
};

// Brings the month up to date, verifies it and freezes it, in one transaction: from then on the database refuses every
// change of its rows of billing_usage, by anybody. `by` names who closes. Closing a closed month returns it as it is.
tl::expected<Period, NotClosed> CloseMonth(db::Session& session, const billing::Month& month, const std::string& by,
                                           Instant now);

// The steps of the monthly batch, in their order.
enum class CloseStep { kRollup, kVerify, kClose, kReset, kExport };
// "rollup", "verify", "close", "reset", "export"
std::string_view Name(CloseStep step);

struct StepDone {
  std::string step, done_by, detail;
  Instant done_at;
};

// Notes that a step of closing a month is done; the first note of each stands.
void RecordStep(db::Session& session, const billing::Month& month, CloseStep step, const std::string& by,
                const std::string& detail);
std::vector<StepDone> ListSteps(db::Session& session, const billing::Month& month);

// Months that ended `after_days` days ago or earlier, since billsync began to count, and have not done `last`, oldest
// first.
std::vector<billing::Month> MonthsToClose(db::Session& session, Instant now, int64_t after_days, CloseStep last);

}  // namespace billsync::usage
