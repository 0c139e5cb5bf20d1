// Monthly quotas start again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/base/progress.h"
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

using QuotaResetBatch = std::function<void(const std::vector<QuotaReset>&)>;
// Does what reset_monthly_quotas() does, for today or for `as_of` (a day YYYY-MM-DD), but in batches with a transaction
// each, so that no user's row is held for long; tells `on_batch`, if there is one, who was reset. Returns how many,
// once that is on disk. Callers on any number of machines share the work and reset each user once per period. A user
// whose row somebody holds is left for the next call. `progress` is told how many of the ranges of users' ids, where
// many are due, and then of the pages of their table were looked at.
int64_t ResetQuotas(db::Session& session, const std::optional<std::string>& as_of, const QuotaResetBatch& on_batch,
                    const Progress& progress = Unwatched);

// Who would be reset on `as_of` (YYYY-MM-DD); changes nothing.
std::vector<QuotaReset> QuotasDue(db::Session& session, const std::string& as_of);

// What a user may do now.
struct Entitlement {
  enum class Decision { kAllow, kWarn, kDeny };  // kWarn: the next run makes 80 % of the quota or more

  std::string user_id, plan_tier;
  std::optional<int64_t> quota;           // none: no limit
  int64_t used = 0;                       // completed runs of the current period
  int64_t reserved = 0;                   // allowed by try_consume_run() and not ended yet
  std::optional<std::string> reset_date;  // YYYY-MM-DD, UTC: when the next period begins

  // What try_consume_run() would answer now. Pure.
  Decision Decide() const;
};
// "allow", "warn", "deny"
std::string_view Name(Entitlement::Decision decision);

// The entitlement of a user by id (a UUID); none for an unknown or deleted one. Takes nothing: only try_consume_run()
// in SQL takes a run without a race.
std::optional<Entitlement> FindEntitlement(db::Session& session, const std::string& user_id, Instant now);

}  // namespace billsync::usage
