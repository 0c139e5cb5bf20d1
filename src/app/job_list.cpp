#include "billsync/app/job_list.h"

#include <vector>

#include "app/retention_sql.h"
#include "billsync/apply/entitlements.h"
#include "billsync/base/json_writer.h"
#include "billsync/usage/quota_reset.h"
#include "billsync/usage/rollup.h"

namespace billsync::app {
namespace {

// Keeps the current month and the one before fresh, and goes round the older ones, one a run: what changes in them
// comes in late, but no run of the job is long.
class RollupJob {
 public:
  jobs::JobOutcome operator()(db::Session& session, Instant now) {
    int64_t rows = 0;
    const auto open = usage::OpenMonths(now);
    for (const auto& month : open) rows += usage::RollupMonth(session, month, usage::ForeignRows::kTakeOver);
    auto older = usage::MonthsWithRuns(session, now);
    std::erase_if(older, [&](const auto& month) { return month >= open.front(); });
    if (older.empty()) return {rows, "current and previous month"};
    const auto& month = older[next_++ % older.size()];
    rows += usage::RollupMonth(session, month, usage::ForeignRows::kKeep);
    return {rows, "current and previous month, and " + month.Text()};
  }

 private:
  size_t next_ = 0;
};

jobs::JobOutcome ResetQuotasJob(db::Session& session, Instant) {
  const auto resets = usage::ResetQuotas(session, std::nullopt);
  return {static_cast<int64_t>(resets.size()), "users whose quota period turned"};
}

jobs::JobOutcome RetentionJob(db::Session& session, Instant now) {
  db::Transaction tx(session);
  tx.Exec(sql::kEnsureLlmCallsPartitions, db::Params::Of(now));
  const int64_t rows = tx.Exec(sql::kDeleteOldJobRuns, db::Params::Of(now)).affected();
  tx.Commit();
  return {rows, "old job runs deleted, partitions of llm_calls made ahead"};
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

std::string PlanFingerprint(const Config& config) {
  JsonArray plans;
  const auto list = [](const std::vector<std::string>& texts) {
    JsonArray array;
    for (const auto& text : texts) array.AddRaw(JsonQuote(text));
    return array.Text();
  };
  for (const auto& plan : config.plans) {
    JsonObject one;
    one.Add("tier", billing::Name(plan.tier)).Add("quota", int64_t{plan.monthly_runs_quota});
    one.AddRaw("prices", list(plan.prices)).AddRaw("products", list(plan.products));
    one.AddRaw("lookup_keys", list(plan.lookup_keys));
    // Only where there are any: the fingerprints of the release before stay as they are.
    if (!plan.features.empty()) one.AddRaw("features", list(plan.features));
    plans.AddRaw(one.Text());
  }
  JsonObject all;
  all.AddRaw("plans", plans.Text()).AddRaw("add_ons", list(config.add_ons));
  // The policy decides beside the map; left out where it is the default, for the same reason.
  const billing::EntitlementPolicy& policy = config.entitlement;
  const billing::EntitlementPolicy usual;
  if (policy.grace != usual.grace) all.Add("grace_days", static_cast<int64_t>(policy.grace.count()));
  if (policy.silence != usual.silence) all.Add("silence_days", static_cast<int64_t>(policy.silence.count()));
  if (!policy.hold_downgrades) all.Add("hold_downgrades", false);
  if (!policy.pause_collection_entitles) all.Add("pause_collection_entitles", false);
  return all.Text();
}

db::ConnectOptions MakeConnectOptions(const Config& config, const std::string& role) {
  return {.url = config.database_url, .role = role, .statement_timeout = config.statement_timeout};
}

}  // namespace billsync::app
