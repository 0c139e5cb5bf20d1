// Monthly quotas start again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/db/session.h"

namespace billsync::usage {

// One user whose period turned: a row of billing_quota_resets.
struct QuotaReset {
  std::string user_id, email;
  std::string period_start;     // the new period's first day, YYYY-MM-DD
  int64_t previous_used, used;  // used: completed runs since period_start
  std::optional<std::string> previous_reset_date;
  std::string next_reset_date;
  int64_t months;  // periods caught up by this one reset
};

// Calls reset_monthly_quotas() (or its as-of form for `as_of`, a day YYYY-MM-DD) and returns who was reset. Callers on
// any number of machines reset each user once per period.
std::vector<QuotaReset> ResetQuotas(db::Session& session, const std::optional<std::string>& as_of);

// Who would be reset on `as_of` (YYYY-MM-DD); changes nothing.
std::vector<QuotaReset> QuotasDue(db::Session& session, const std::string& as_of);

}  // namespace billsync::usage
