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

// What came of a request to close a month.
enum class CloseOutcome { kDone, kRefused, kFailed };
// "done", "refused", "failed"
std::string_view Name(CloseOutcome outcome);

// The newest request of a person from afar to close a month, which the job `close` carries out.
struct CloseRequest {
  billing::Month month;
  int64_t audit_id = 0;      // of the row of billing_audit that says it has begun
  std::string requested_by;  // as that row has it
  Instant requested_at;
  std::optional<Instant> finished_at{};            // none: it waits, or is under way
  std::optional<std::string> outcome{}, detail{};  // once it is finished
};

// Asks for a month; false when it was asked for already and is not finished, and nothing is done.
bool RequestClose(db::Transaction& tx, const billing::Month& month, int64_t audit_id);
// The requests that are not finished, the oldest first.
std::vector<CloseRequest> OpenCloseRequests(db::Session& session);
std::optional<CloseRequest> FindCloseRequest(db::Session& session, const billing::Month& month);
void SettleCloseRequest(db::Transaction& tx, const CloseRequest& request, CloseOutcome outcome,
                        const std::string& detail);

// Months that ended `after_days` days ago or earlier, since billsync began to count, and have not done `last`, oldest
// first.
std::vector<billing::Month> MonthsToClose(db::Session& session, Instant now, int64_t after_days, CloseStep last);

}  // namespace billsync::usage
