#include <iostream>
#include <memory>

#include "billsync/apply/applier.h"
#include "billsync/base/json_writer.h"
#include "billsync/db/migrator.h"
#include "cli/doctor_sql.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

enum class Severity { kOk, kWarning, kFault };

// One line of the report.
struct Finding {
  Severity severity;
  std::string check, what, mend;
};

std::string_view Word(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kFault:
      return "fault";
  }
  return "";
}

class Doctor {
 public:
  explicit Doctor(const Context& context) : context_(context) {}

  std::vector<Finding> Examine() {
    auto config = app::LoadConfig(context_.config_file, app::ProcessEnvironment);
    if (!config) {
      for (const auto& fault : config.error()) Fault("configuration", fault.key + " " + fault.reason, "mend this key");
      return findings_;
    }
    Ok("configuration", context_.config_file.value_or("built-in defaults and environment"));
    CheckSecrets(*config);
    CheckPlans(*config);
    CheckDatabase(*config);
    return findings_;
  }

 private:
  void Ok(std::string check, std::string what) {
    findings_.push_back({Severity::kOk, std::move(check), std::move(what), ""});
  }
  void Warning(std::string check, std::string what, std::string mend) {
    findings_.push_back({Severity::kWarning, std::move(check), std::move(what), std::move(mend)});
  }
  void Fault(std::string check, std::string what, std::string mend) {
    findings_.push_back({Severity::kFault, std::move(check), std::move(what), std::move(mend)});
  }

  void CheckSecrets(const app::Config& config) {
    if (config.webhook_secrets.empty()) {
      Fault("secrets", "STRIPE_WEBHOOK_SECRET is not set",
            "copy the endpoint's signing secret from Stripe's dashboard into STRIPE_WEBHOOK_SECRET(_FILE)");
    }
    for (const auto& secret : config.webhook_secrets) {
      if (secret.secret.Reveal().starts_with("whsec_")) {
        Ok("secrets", "webhook secret '" + secret.name + "' is set");
      } else {
        Warning("secrets", "webhook secret '" + secret.name + "' does not start with whsec_",
                "copy the whole signing secret, prefix included");
      }
    }
    if (config.admin_tokens.empty()) {
      Warning("secrets", "no admin token: serve runs without /metrics and the API",
              "set BILLSYNC_ADMIN_TOKEN to ops=TOKEN (try: openssl rand -hex 24)");
    }
  }

  void CheckPlans(const app::Config& config) {
    size_t mapped = 0;
    for (const auto& plan : config.plans) {
      const size_t ways = plan.prices.size() + plan.products.size() + plan.lookup_keys.size();
      mapped += ways;
      if (ways == 0 && plan.tier != billing::Tier::kFree) {
        Warning("plan map", "nothing buys the tier " + std::string(billing::Name(plan.tier)),
                "add its prices, products or lookup_keys to its [[plan]]");
      }
    }
    if (mapped == 0) {
      Fault("plan map", "no price is mapped to a tier: subscriptions are parked unless metadata says plan_tier",
            "write [[plan]] tables as in config/billsync.toml and pass the file with --config");
    } else {
      Ok("plan map", std::to_string(mapped) + " prices, products and lookup keys are mapped");
    }
  }

  void CheckDatabase(const app::Config& config) {
    if (config.database_url.empty()) {
      return Fault("database", "DATABASE_URL is not set",
                   "set it to a libpq URL such as postgresql://user@host/database");
    }
    try {
      db::Session session({.url = config.database_url, .role = "doctor", .refuse_hidden_rows = false});
      CheckServer(session);
      if (CheckSchema(session)) {
        CheckRowSecurity(session);
        CheckEvents(session);
        CheckRunTimes(session);
        CheckIndexes(session);
        CheckMetering(session);
      }
    } catch (const db::Transient& e) {
      Fault("database", e.what(), "check DATABASE_URL and that the server runs and accepts this role");
    } catch (const db::Error& e) {
      Fault("database", e.what(),
            e.sqlstate() == "42501"
                ? "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role"
                : "run: billsync migrate");
    }
  }

  void CheckServer(db::Session& session) {
    db::Transaction tx(session, {.read_only = true});
    const auto result = tx.Exec(sql::kServerFacts);
    const db::Row facts = result.Only();
    tx.Commit();
    const int64_t version = facts.Int("version");
    if (version < 150000) {
      Fault("database", "PostgreSQL " + std::to_string(version / 10000) + " is too old", "use PostgreSQL 15 or newer");
    } else {
      Ok("database", "PostgreSQL " + std::to_string(version / 10000) + " as role " + facts.Text("role"));
    }
    if (facts.View("encoding") != "UTF8") {
      Fault("database", "the database's encoding is " + facts.Text("encoding") + ": payloads would not be kept as sent",
            "create the database with ENCODING 'UTF8'");
    }
    if (facts.View("fsync") != "on" || facts.View("synchronous_commit") == "off") {
      Fault("durability", "fsync or synchronous_commit is off: an acknowledged event may be lost in a crash",
            "set both on for this database");
    } else {
      Ok("durability", "fsync and synchronous_commit are on");
    }
    const auto skew = std::chrono::abs(facts.At("at") - SystemNow());
    if (skew > std::chrono::seconds(30)) {
      Warning("clock",
              "this machine and the database disagree by " +
                  std::to_string(std::chrono::floor<std::chrono::seconds>(skew).count()) + " s",
              "run NTP on both; signatures are refused beyond webhook.tolerance_s");
    } else {
      Ok("clock", "this machine and the database agree");
    }
  }

  // False when what follows makes no sense yet.
  bool CheckSchema(db::Session& session) {
    const auto pending = db::PendingMigrations(session);
    if (pending.empty()) {
      Ok("schema", "current (version " + std::to_string(db::SchemaVersion()) + ")");
      return true;
    }
    Fault("schema", std::to_string(pending.size()) + " migrations are pending", "run: billsync migrate");
    return false;
  }

  void CheckRowSecurity(db::Session& session) {
    db::Transaction tx(session, {.read_only = true});
    const auto result = tx.Exec(sql::kRowSecurityFacts);
    const db::Row facts = result.Only();
    if (!facts.Bool("may_read")) {
      return Fault("row-level security", "this role may not read agent_runs",
                   "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role");
    }
    std::string hidden;
    for (const db::Row row : tx.Exec(sql::kHiddenTables)) hidden += " " + row.Text("table_name");
    if (!hidden.empty()) {
      return Fault("row-level security", "policies may hide rows from this role: usage would be too low in" + hidden,
                   "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role");
    }
    tx.Commit();
    Ok("row-level security", "every row of agent_runs is visible");
  }

  void CheckEvents(db::Session& session) {
    int64_t waiting = 0;
    const auto events = apply::CountEvents(session);
    for (const auto& [key, count] : events.by_status_reason) {
      if (key.first != "parked" && key.first != "dead") continue;
      waiting += count;
      Warning("events", std::to_string(count) + " events are " + key.first + ": " + key.second,
              "billsync events list --status " + key.first + " --reason " + key.second);
    }
    if (waiting == 0) Ok("events", "none is parked or dead");
  }

  void CheckRunTimes(db::Session& session) {
    db::Transaction tx(session, {.read_only = true});
    const bool odd = tx.Exec(sql::kRunsOutOfRange).Only().Bool("any");
    tx.Commit();
    if (odd) {
      Warning("runs",
              "agent_runs holds a created_at before 2000 or after next month: such runs are in no month's usage",
              "SELECT id, created_at FROM agent_runs WHERE created_at < '2000-01-01' OR created_at > now() + interval "
              "'2 months'");
    }
  }

  void CheckIndexes(db::Session& session) {
    db::Transaction tx(session, {.read_only = true});
    for (const db::Row row : tx.Exec(sql::kMissingIndexes)) {
      const std::string table = row.Text("table_name");
      Warning("indexes", table + ".agent_run_id has no index: deleting runs and verifying costs is slow",
              "CREATE INDEX CONCURRENTLY idx_" + table + "_agent_run ON " + table + " (agent_run_id)");
    }
    if (!tx.Exec(sql::kCompletedRunsIndexed).Only().Bool("indexed")) {
      Warning("indexes", "agent_runs has no index on completed runs: resetting quotas reads all runs of a user",
              "CREATE INDEX CONCURRENTLY idx_agent_runs_completed ON agent_runs (user_id, (coalesce(completed_at, "
              "created_at))) WHERE status = 'completed'");
    }
    tx.Commit();
  }

  void CheckMetering(db::Session& session) {
    db::Transaction tx(session, {.read_only = true});
    bool whole = true;
    for (const db::Row row : tx.Exec(sql::kMissingTriggers)) {
      whole = false;
      const std::string table = row.Text("table_name"), trigger = row.Text("trigger_name");
      const std::string what = "trigger " + trigger + " of " + table + " is ";
      if (row.Bool("always")) {
        Fault("closed months", what + "missing or does not fire for everybody: closed months can be changed",
              "ALTER TABLE " + table + " ENABLE ALWAYS TRIGGER " + trigger + "; then: billsync verify usage");
      } else {
        Fault("metering", what + (row.Bool("missing") ? "missing" : "off") + ": runs go uncounted",
              row.Bool("missing")
                  ? "as the owner: SELECT billing_install_metering(); then: billsync rollup --full"
                  : "ALTER TABLE " + table + " ENABLE TRIGGER " + trigger + "; then: billsync rollup --full");
      }
    }
    for (const db::Row row : tx.Exec(sql::kUnguardedPartitions)) {
      whole = false;
      Warning("metering",
              "partition " + row.Text("partition") + " came later: TRUNCATE of it would lose its runs' usage",
              "as the owner: SELECT billing_install_metering()");
    }
    tx.Commit();
    if (whole) Ok("metering", "every trigger is on");
  }

  const Context& context_;
  std::vector<Finding> findings_;
};

int Examine(const Context& context) {
  const auto findings = Doctor(context).Examine();
  bool attention = false;
  for (const auto& finding : findings) {
    attention |= finding.severity != Severity::kOk;
    if (context.json) {
      std::cout << JsonObject()
                       .Add("severity", Word(finding.severity))
                       .Add("check", finding.check)
                       .Add("finding", finding.what)
                       .Add("mend", finding.mend)
                       .Text()
                << "\n";
      continue;
    }
    std::string word(Word(finding.severity));
    word.resize(8, ' ');
    if (finding.severity == Severity::kOk) word = Good(word);
    if (finding.severity == Severity::kWarning) word = Warn(word);
    if (finding.severity == Severity::kFault) word = Bad(word);
    std::cout << word << finding.check << ": " << finding.what << "\n";
    if (!finding.mend.empty()) std::cout << "        → " << finding.mend << "\n";
  }
  return attention ? kNeedsAttention : kDone;
}

}  // namespace

void AddDoctor(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("doctor", "check configuration, database, schema, secrets, plan map and row-level security");
  AddJsonFlag(*command, context);
  command->callback([&context] { context.run = [&context] { return Examine(context); }; });
}

}  // namespace billsync::cli
