#include "billsync/db/migrator.h"
#include "cli/doctor_sql.h"
#include "doctor.h"

namespace billsync::cli {
namespace {

void ExamineRowSecurity(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  const auto result = tx.Exec(sql::kRowSecurityFacts);
  const db::Row facts = result.Only();
  if (!facts.Bool("may_read")) {
    return findings.Fault(
        "row-level security", "this role may not read agent_runs",
        "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role");
  }
  std::string hidden;
  for (const db::Row row : tx.Exec(sql::kHiddenTables)) hidden += " " + row.Text("table_name");
  if (!hidden.empty()) {
    return findings.Fault(
        "row-level security", "policies may hide rows from this role: usage would be too low in" + hidden,
        "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role");
  }
  tx.Commit();
  findings.Ok("row-level security", "every row of agent_runs is visible");
}

void ExamineRights(db::Session& session, Findings& findings) {
  const std::string lacking = db::WhyUnfit(session);
  if (!lacking.empty()) {
    findings.Fault("roles", lacking,
                   "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role");
  }
  db::Transaction tx(session, {.read_only = true});
  bool kept = lacking.empty();
  for (const db::Row row : tx.Exec(sql::kRightsOfOthers)) {
    kept = false;
    const std::string table = row.Text("table_name"), grantee = row.Text("grantee");
    findings.Warning("roles", grantee + " has " + row.Text("privileges") + " on " + table,
                     "REVOKE " + row.Text("privileges") + " ON " + table + " FROM " + grantee);
  }
  for (const db::Row row : tx.Exec(sql::kRowSecurityOff)) {
    kept = false;
    const std::string table = row.Text("table_name");
    findings.Fault("roles", "row-level security of " + table + " is off: a platform user sees everybody's rows",
                   "ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY");
  }
  tx.Commit();
  if (kept) findings.Ok("roles", "this role has its rights, and nobody else may write the billing tables");
}

void ExamineIndexes(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  for (const db::Row row : tx.Exec(sql::kMissingIndexes)) {
    const std::string table = row.Text("table_name");
    findings.Warning("indexes", table + ".agent_run_id has no index: deleting runs and verifying costs is slow",
                     "CREATE INDEX CONCURRENTLY idx_" + table + "_agent_run ON " + table + " (agent_run_id)");
  }
  const auto overnight = tx.Exec(sql::kOvernightRunsIndexed);
  if (!overnight.Only().Bool("indexed")) {
    findings.Warning(
        "indexes",
        "agent_runs has no index on runs that ended on a later day than they began: resetting quotas reads "
        "all runs of a user",
        "CREATE INDEX CONCURRENTLY idx_agent_runs_overnight ON agent_runs (user_id, completed_at) WHERE "
        "status = 'completed' AND (created_at IS NULL OR (completed_at AT TIME ZONE 'UTC')::date > "
        "(created_at AT TIME ZONE 'UTC')::date)");
  } else if (const auto drop = overnight.Only().OptText("drop_former")) {
    findings.Warning("indexes", "idx_agent_runs_completed is not used any more: each run that ends pays for it", *drop);
  }
  for (const db::Row row : tx.Exec(sql::kMissingLargeIndexes)) {
    const std::string index = row.Text("index_name"), table = row.Text("table_name");
    findings.Warning("indexes", row.Text("served") + " have no index " + index,
                     "CREATE INDEX CONCURRENTLY " + index + " ON " + table + " " + row.Text("definition"));
  }
  for (const db::Row row : tx.Exec(sql::kInvalidIndexes)) {
    const std::string index = row.Text("index_name");
    findings.Warning("indexes", index + " is not valid: writers keep it, nobody reads it",
                     "REINDEX INDEX CONCURRENTLY " + index);
  }
  tx.Commit();
}

void ExamineMetering(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  bool whole = true;
  for (const db::Row row : tx.Exec(sql::kMissingTriggers)) {
    whole = false;
    const std::string table = row.Text("table_name"), trigger = row.Text("trigger_name");
    const std::string what = "trigger " + trigger + " of " + table + " is ";
    if (row.Bool("always")) {
      findings.Fault("closed months", what + "missing or does not fire for everybody: closed months can be changed",
                     "ALTER TABLE " + table + " ENABLE ALWAYS TRIGGER " + trigger + "; then: billsync verify usage");
    } else {
      findings.Fault("metering", what + (row.Bool("missing") ? "missing" : "off") + ": runs go uncounted",
                     row.Bool("missing")
                         ? "as the owner: SELECT billing_install_metering(); then: billsync rollup --full"
                         : "ALTER TABLE " + table + " ENABLE TRIGGER " + trigger + "; then: billsync rollup --full");
    }
  }
  for (const db::Row row : tx.Exec(sql::kUnguardedPartitions)) {
    whole = false;
    findings.Warning("metering",
                     "partition " + row.Text("partition") + " came later: TRUNCATE of it would lose its runs' usage",
                     "as the owner: SELECT billing_install_metering()");
  }
  tx.Commit();
  if (whole) findings.Ok("metering", "every trigger is on");
}

}  // namespace

void ExamineServer(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  const auto result = tx.Exec(sql::kServerFacts);
  const db::Row facts = result.Only();
  tx.Commit();
  const int64_t version = facts.Int("version");
  if (version < 150000) {
    findings.Fault("database", "PostgreSQL " + std::to_string(version / 10000) + " is too old",
                   "use PostgreSQL 15 or newer");
  } else {
    findings.Ok("database", "PostgreSQL " + std::to_string(version / 10000) + " as role " + facts.Text("role"));
  }
  if (facts.View("encoding") != "UTF8") {
    findings.Fault("database",
                   "the database's encoding is " + facts.Text("encoding") + ": payloads would not be kept as sent",
                   "create the database with ENCODING 'UTF8'");
  }
  if (facts.View("fsync") != "on" || facts.View("synchronous_commit") == "off") {
    findings.Fault("durability", "fsync or synchronous_commit is off: an acknowledged event may be lost in a crash",
                   "set both on for this database");
  } else {
    findings.Ok("durability", "fsync and synchronous_commit are on");
  }
  const auto skew = std::chrono::abs(facts.At("at") - SystemNow());
  if (skew > std::chrono::seconds(30)) {
    findings.Warning("clock",
                     "this machine and the database disagree by " +
                         std::to_string(std::chrono::floor<std::chrono::seconds>(skew).count()) + " s",
                     "run NTP on both; signatures are refused beyond webhook.tolerance_s");
  } else {
    findings.Ok("clock", "this machine and the database agree");
  }
}

bool ExamineSchema(db::Session& session, Findings& findings) {
  const auto pending = db::PendingMigrations(session);
  if (!pending.empty()) {
    findings.Fault("schema", std::to_string(pending.size()) + " migrations are pending", "run: billsync migrate");
    return false;
  }
  findings.Ok("schema", "current (version " + std::to_string(db::SchemaVersion()) + ")");
  ExamineRowSecurity(session, findings);
  ExamineRights(session, findings);
  ExamineIndexes(session, findings);
  ExamineMetering(session, findings);
  return true;
}

}  // namespace billsync::cli
