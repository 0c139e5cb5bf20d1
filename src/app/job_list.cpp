#include "billsync/app/job_list.h"

#include <memory>

#include "app/retention_sql.h"
#include "billsync/apply/entitlements.h"
#include "billsync/usage/quota_reset.h"
#include "billsync/usage/rollup.h"

namespace billsync::app {
namespace {

// Keeps the current month and the one before fresh; once a day, and first thing, every month, for what changed in
// older ones.
class RollupJob {
 public:
  jobs::JobOutcome operator()(db::Session& session, Instant now) {
    const auto today = std::chrono::floor<std::chrono::days>(now);
    const bool all = today != last_full_;
    int64_t rows = 0;
    for (const auto& month : all ? usage::MonthsWithRuns(session) : usage::OpenMonths(now)) {
      rows += usage::RollupMonth(session, month);
    }
    last_full_ = today;
    return {rows, all ? "every month" : "current and previous month"};
  }

 private:
  std::chrono::sys_days last_full_{};
};

jobs::JobOutcome ResetQuotasJob(db::Session& session, Instant) {
  const auto resets = usage::ResetQuotas(session, std::nullopt);
  return {static_cast<int64_t>(resets.size()), "users whose quota period turned"};
}

jobs::JobOutcome RetentionJob(db::Session& session, Instant now) {
  db::Transaction tx(session);
  tx.Exec(sql::kEnsureLlmCallsPartitions, db::Params::Of(now));
  tx.Commit();
  return {0, "partitions of llm_calls made ahead"};
}

}  // namespace

std::vector<jobs::Job> MakeJobs(const Config& config) {
  const billing::PlanMap plans(config.plans, config.add_ons);
  const auto sweep = [plans, policy = config.entitlement](db::Session& session, Instant now) {
    return jobs::JobOutcome{apply::SweepEntitlements(session, plans, policy, now), "users whose entitlement lapsed"};
  };
  return {{"rollup", config.rollup_every, RollupJob()},
          {"quota-reset", config.quota_reset_every, ResetQuotasJob},
          {"entitlement-sweep", config.entitlement_sweep_every, sweep},
          {"retention", std::chrono::hours(24), RetentionJob}};
}

apply::ApplyOptions MakeApplyOptions(const Config& config) {
  return {.plans = billing::PlanMap(config.plans, config.add_ons),
          .policy = config.entitlement,
          .link_by_email = config.link_by_email};
}

db::ConnectOptions MakeConnectOptions(const Config& config, const std::string& role) {
  return {.url = config.database_url, .role = role, .statement_timeout = config.statement_timeout};
}

}  // namespace billsync::app
