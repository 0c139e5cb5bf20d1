#include <array>

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

std::string Size(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  int64_t left = bytes;
  for (; left >= 10 * 1024 && unit + 1 < kUnits.size(); ++unit) left /= 1024;
  return std::to_string(left) + " " + kUnits[unit];
}

void ExamineCare(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  bool kept = true;
  for (const db::Row row : tx.Exec(sql::kTablesToClean)) {
    kept = false;
    const std::string table = row.Text("table_name");
    const auto last = row.OptAt("last_vacuum");
    findings.Warning("bloat",
                     table + " has " + row.Text("dead") + " dead rows beside " + row.Text("live") + ", last cleaned " +
                         (last ? FormatInstant(*last).substr(0, 16) + "Z" : "never"),
                     "VACUUM (ANALYZE) " + table +
                         "; who keeps it from being cleaned: SELECT pid, xact_start, query "
                         "FROM pg_stat_activity ORDER BY xact_start");
  }
  for (const db::Row row : tx.Exec(sql::kTablesWithoutAutovacuum)) {
    kept = false;
    const std::string table = row.Text("table_name");
    findings.Warning("bloat", "autovacuum is off" + (table.empty() ? "" : " for " + table) + ": tables only grow",
                     table.empty() ? "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()"
                                   : "ALTER TABLE " + table + " RESET (autovacuum_enabled)");
  }
  tx.Commit();
  if (kept) findings.Ok("bloat", "no table waits to be cleaned");
}

void ExamineDisk(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  const auto result = tx.Exec(sql::kSizes);
  const db::Row sizes = result.Only();
  tx.Commit();
  findings.Ok("disk", "the database has " + Size(sizes.Int("database")) + ", of it billsync's tables " +
                          Size(sizes.Int("tables")) + " (stripe_events " + Size(sizes.Int("events")) +
                          ", which grew by " + std::to_string(sizes.Int("events_of_a_day")) + " events, about " +
                          Size(sizes.Int("bytes_of_a_day")) + ", in the last day)");
}

}  // namespace

void ExamineWork(db::Session& session, Findings& findings) {
  ExamineEvents(session, findings);
  ExamineRunTimes(session, findings);
  ExamineChecks(session, findings);
  ExamineJobs(session, findings);
}

void ExamineStorage(db::Session& session, Findings& findings) {
  ExamineCare(session, findings);
  ExamineDisk(session, findings);
}

}  // namespace billsync::cli
