#include "billsync/apply/applier.h"
#include "billsync/jobs/scheduler.h"
#include "billsync/usage/verify.h"
#include "cli/doctor_sql.h"
#include "doctor.h"

namespace billsync::cli {
namespace {

// How long a job may be due and not run by anybody.
constexpr std::chrono::minutes kOverdue{5};

void ExamineEvents(db::Session& session, Findings& findings) {
  int64_t waiting = 0;
  const auto events = apply::CountEvents(session);
  for (const auto& [key, count] : events.by_status_reason) {
    if (key.first != "parked" && key.first != "dead") continue;
    waiting += count;
    findings.Warning("events", std::to_string(count) + " events are " + key.first + ": " + key.second,
                     "billsync events list --status " + key.first + " --reason " + key.second);
  }
  if (waiting == 0) findings.Ok("events", "none is parked or dead");
}

void ExamineRunTimes(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  const bool odd = tx.Exec(sql::kRunsOutOfRange).Only().Bool("any");
  tx.Commit();
  if (odd) {
    findings.Warning(
        "runs", "agent_runs holds a created_at before 2000 or after next month: such runs are in no month's usage",
        "SELECT id, created_at FROM agent_runs WHERE created_at < '2000-01-01' OR created_at > now() + interval "
        "'2 months'");
  }
}

void ExamineChecks(db::Session& session, Findings& findings) {
  const auto checks = usage::LastChecks(session);
  if (checks.drifts > 0) {
    findings.Fault("usage", "the last check found " + std::to_string(checks.drifts) + " differences from the runs",
                   "billsync verify usage shows them; billsync rollup --full mends open months");
  } else {
    findings.Ok("usage", checks.months == 0 ? "no month has been verified yet"
                                            : std::to_string(checks.months) + " months verified without a difference");
  }
}

void ExamineJobs(db::Session& session, Findings& findings) {
  const auto states = jobs::ListJobs(session);
  bool well = true;
  std::string late;
  for (const auto& state : states) {
    if (state.last_error) {
      well = false;
      findings.Warning("jobs", state.job + " failed: " + *state.last_error, "billsync jobs run " + state.job);
    }
    if (!state.running && SystemNow() - state.next_due_at > kOverdue) late += " " + state.job;
  }
  if (!late.empty()) {
    findings.Warning("jobs", "due for more than five minutes, and nobody runs them:" + late, "start: billsync serve");
  } else if (well) {
    findings.Ok("jobs", states.empty() ? "none has run yet; billsync serve runs them" : "every job is done when due");
  }
}

}  // namespace

void ExamineWork(db::Session& session, Findings& findings) {
  ExamineEvents(session, findings);
  ExamineRunTimes(session, findings);
  ExamineChecks(session, findings);
  ExamineJobs(session, findings);
}

}  // namespace billsync::cli
