#include "billsync/app/job_list.h"

#include <stdexcept>
#include <vector>

#include "app/retention_sql.h"
#include "billsync/admin/audit.h"
#include "billsync/app/month_close.h"
#include "billsync/apply/entitlements.h"
#include "billsync/base/json_writer.h"
#include "billsync/usage/quota_reset.h"
#include "billsync/usage/rollup.h"

namespace billsync::app {
namespace {

using usage::CloseOutcome;

void CondenseRevenue(db::Session& session) {
  db::Transaction tx(session);
  tx.Exec(sql::kCondenseRevenue);
  tx.Commit();
}

// Drains what changed since the last run. While the first fill is under way, each run takes in one month before that;
// and once a minute the rows of the open months are compared, in case somebody else wrote them.
class RollupJob {
 public:
  jobs::JobOutcome operator()(db::Session& session, Instant now, const Progress& progress) {
    jobs::JobOutcome outcome;
    if (!filled_) {
      const auto month = usage::FillNextMonth(session, now, progress);
      filled_ = !month;
      if (month) outcome = {1, "history of " + month->Text() + " taken in; "};
    }
    outcome.rows += usage::Rollup(session, now, std::nullopt, progress);
    if (now >= next_comparison_) {
      outcome.rows += usage::RestoreOpenMonths(session, now);
      CondenseRevenue(session);
      next_comparison_ = now + std::chrono::minutes(1);
    }
    outcome.detail += "rows of billing_usage brought up to date";
    return outcome;
  }

 private:
  bool filled_ = false;
  Instant next_comparison_{};
};

std::string WhyNot(const usage::NotClosed& refusal) {
  switch (refusal.reason) {
    case usage::NotClosed::Reason::kNotOver:
      return "it is not over";
    case usage::NotClosed::Reason::kWaiting:
      return "usage of a user waits, whose row in users another transaction holds";
    case usage::NotClosed::Reason::kDrift:
      break;
  }
  return "its usage differs from its runs in " + std::to_string(refusal.check.drifts.size()) +
         " places, see: billsync verify usage";
}

admin::AuditOutcome AuditOutcomeOf(CloseOutcome outcome) {
  switch (outcome) {
    case CloseOutcome::kDone:
      return admin::AuditOutcome::kDone;
    case CloseOutcome::kRefused:
      return admin::AuditOutcome::kRefused;
    case CloseOutcome::kFailed:
      return admin::AuditOutcome::kFailed;
  }
  return admin::AuditOutcome::kFailed;
}

void Settle(db::Session& session, const usage::CloseRequest& request, CloseOutcome outcome, const std::string& detail) {
  db::Transaction tx(session);
  usage::SettleCloseRequest(tx, request, outcome, detail);
  admin::EndAudit(tx, request.audit_id, AuditOutcomeOf(outcome), detail);
  tx.Commit();
}

// Carries out what somebody asked for over HTTP, closes the months that are due, and once a day verifies those that are
// not, for the metric.
class CloseJob {
 public:
  explicit CloseJob(const Config& config) : after_days_(config.close_after.count()) {
    if (!config.export_directory.empty()) export_directory_ = config.export_directory;
  }

  jobs::JobOutcome operator()(db::Session& session, Instant now, const Progress& progress) {
    jobs::JobOutcome outcome;
    for (const auto& request : usage::OpenCloseRequests(session)) {
      ++outcome.rows;
      outcome.detail += CarryOut(session, request, now, progress);
    }
    const auto last = export_directory_ ? usage::CloseStep::kExport : usage::CloseStep::kReset;
    for (const auto& month : usage::MonthsToClose(session, now, after_days_, last)) {
      const MonthCloseOptions options{.by = "job " + jobs::ProcessName(), .export_directory = export_directory_};
      const auto closed = RunMonthClose(
          session, month, options, [now] { return now; }, progress);
      if (!closed) throw std::runtime_error(month.Text() + " is not closed: " + WhyNot(closed.error()));
      ++outcome.rows;
      outcome.detail += month.Text() + " closed; ";
    }
    if (now >= next_check_) {
      for (const auto& month : usage::OpenMonths(now)) usage::RecordCheck(session, usage::VerifyMonth(session, month));
      const auto rewritten = usage::RewrittenMonths(session);
      for (const auto& month : rewritten) usage::RecordCheck(session, usage::VerifyMonth(session, month));
      next_check_ = now + std::chrono::hours(24);
      if (!rewritten.empty()) {
        throw std::runtime_error(rewritten.front().Text() +
                                 " was changed after it was closed, see: billsync verify usage");
      }
    }
    return outcome;
  }

 private:
  // A request that breaks off is settled as failed and fails the job, which says why. While the database is away it
  // stays, as it does when the process ends, and is carried out by whoever runs the job next.
  std::string CarryOut(db::Session& session, const usage::CloseRequest& request, Instant now,
                       const Progress& progress) const {
    const MonthCloseOptions options{.by = request.requested_by, .export_directory = export_directory_};
    try {
      const auto closed = RunMonthClose(
          session, request.month, options, [now] { return now; }, progress);
      if (closed) {
        Settle(session, request, CloseOutcome::kDone, "sha256 " + closed->period.usage_sha256);
        return request.month.Text() + " closed; ";
      }
      Settle(session, request, CloseOutcome::kRefused, WhyNot(closed.error()));
      return request.month.Text() + " not closed: " + WhyNot(closed.error()) + "; ";
    } catch (const db::Transient&) {
      throw;
    } catch (const db::InDoubt&) {
      throw;
    } catch (const std::exception&) {
      if (!session.Broken()) {
        Settle(session, request, CloseOutcome::kFailed, "it broke off; the job close says why");
      }
      throw;
    }
  }

  const int64_t after_days_;
  std::optional<std::string> export_directory_;
  Instant next_check_{};
};

// What is due and nobody took: the appliers of serve work without pause and leave nothing here but what they meet
// later.
class ApplyJob {
 public:
  explicit ApplyJob(const Config& config)
      : connect_(MakeConnectOptions(config, "apply")), apply_(MakeApplyOptions(config)) {}

  jobs::JobOutcome operator()(db::Session&, Instant, const Progress&) const {
    db::Pool pool(connect_, 2);
    apply::Applier applier(pool, apply_, SystemNow);
    return {static_cast<int64_t>(applier.ApplyAllDue()), "events that were due looked at"};
  }

 private:
  const db::ConnectOptions connect_;
  const apply::ApplyOptions apply_;
};

jobs::JobOutcome ResetQuotasJob(db::Session& session, Instant, const Progress& progress) {
  const int64_t resets = usage::ResetQuotas(session, std::nullopt, nullptr, progress);
  return {resets, "users whose quota period turned"};
}

jobs::JobOutcome RetentionJob(db::Session& session, Instant now, const Progress&) {
  db::Transaction tx(session);
  tx.Exec(sql::kEnsureLlmCallsPartitions, db::Params::Of(now));
  const int64_t rows = tx.Exec(sql::kDeleteOldJobRuns, db::Params::Of(now)).affected();
  tx.Exec(sql::kDeleteOverSessions, db::Params::Of(now));
  tx.Commit();
  return {rows, "old job runs deleted, partitions of llm_calls made ahead"};
}

}  // namespace

std::vector<jobs::Job> MakeJobs(const Config& config) {
  const billing::PlanMap plans(config.plans, config.add_ons);
  const auto sweep = [plans, policy = config.entitlement, map = PlanFingerprint(config)](db::Session& session,
                                                                                         Instant now, const Progress&) {
    return jobs::JobOutcome{apply::SweepEntitlements(session, plans, policy, now, map),
                            "users whose entitlement lapsed"};
  };
  return {{"apply", std::chrono::hours(1), ApplyJob(config), true},
          {"rollup", config.rollup_every, RollupJob(), true},
          {"close", config.close_every, CloseJob(config)},
          {"quota-reset", config.quota_reset_every, ResetQuotasJob},
          {"entitlement-sweep", config.entitlement_sweep_every, sweep},
          {"retention", std::chrono::hours(24), RetentionJob}};
}

apply::ApplyOptions MakeApplyOptions(const Config& config) {
  return {.plans = billing::PlanMap(config.plans, config.add_ons),
          .policy = config.entitlement,
          .link_by_email = config.link_by_email,
          .plan_fingerprint = PlanFingerprint(config)};
}

int64_t FreeQuota(const Config& config) {
  return billing::PlanMap(config.plans, config.add_ons).Quota(billing::Tier::kFree);
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
