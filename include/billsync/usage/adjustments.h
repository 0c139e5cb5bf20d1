// Signed corrections of closed months.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/billing/month.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// A row of billing_adjustments.
struct Adjustment {
  int64_t id = 0;
  std::string kind;  // "usage": made by Rollup; "manual": by a person
  std::string user_id;
  std::optional<std::string> email;          // none: the user is gone
  std::string origin_period, booked_period;  // "2026-10"
  int64_t total_runs = 0, failed_runs = 0, cancelled_runs = 0, unpriced_runs = 0;
  std::string total_tokens, amount_usd, amount_exact_usd;  // signed exact decimals
  std::string reason, booked_by;
  Instant booked_at;
};

struct AdjustmentFilter {
  std::optional<billing::Month> origin, booked;
  std::optional<std::string> user_id;  // a UUID
};

// Newest first.
std::vector<Adjustment> ListAdjustments(db::Session& session, const AdjustmentFilter& filter);

// Dollars and whole cents that are not zero: "-12.50", "+3", at most twelve digits before the point.
bool IsAdjustmentAmount(std::string_view text);

// Why nothing was booked.
enum class NotBooked { kNotClosed, kNoSuchUser };

// Books an amount, as IsAdjustmentAmount has it, for a user's closed month, in the month of `now`. Returns its id.
tl::expected<int64_t, NotBooked> BookAdjustment(db::Transaction& tx, const std::string& user_id,
                                                const billing::Month& origin, const std::string& amount_usd,
                                                const std::string& reason, const std::string& by, Instant now);

}  // namespace billsync::usage
