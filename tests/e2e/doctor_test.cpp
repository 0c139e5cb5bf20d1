// doctor: each finding with the command that mends it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/sample_events.h"
#include "support/login_role.h"

namespace billsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Nobody listens at port 1, whatever else runs on this machine.
const std::map<std::string, std::string> kTokens = {{"BILLSYNC_ADMIN_TOKEN", "ops=0123456789abcdef"},
                                                    {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:1"}};

// The findings of `doctor --json` by check, with severity: "fault schema".
std::set<std::string> Findings(const std::string& out) {
  std::set<std::string> found;
  for (const auto& line : ParsedLines(out)) {
    found.insert(Member(line, "severity") + " " + Member(line, "check"));
    EXPECT_EQ(Member(line, "severity") == "ok", Member(line, "mend").empty()) << out;  // each with what mends it
  }
  return found;
}

TEST(Doctor, NamesEveryFaultOfAnInstallationAndWhatMendsIt) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto bare = RunProgram({"doctor", "--json"}, {});
  EXPECT_EQ(bare.status, 3);
  EXPECT_EQ(Findings(bare.out), (std::set<std::string>{"ok configuration", "fault secrets", "warning secrets",
                                                       "fault plan map", "fault database"}))
      << bare.out;
  const auto unmigrated = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(unmigrated.status, 3);
  EXPECT_TRUE(Findings(unmigrated.out).contains("fault schema")) << unmigrated.out;
  EXPECT_NE(unmigrated.out.find("run: billsync migrate"), std::string::npos);
  const auto broken = RunProgram({"doctor", "--json"}, {{"BILLSYNC_LIVEMODE", "maybe"}, {"BILLSYNC_LISTEN", "x"}});
  EXPECT_EQ(broken.status, 2) << "wrong configuration";
  EXPECT_EQ(ParsedLines(broken.out).size(), 2U) << broken.out;
  EXPECT_EQ(Findings(broken.out), std::set<std::string>{"fault configuration"});
  const auto weak = RunProgram({"doctor", "--json"}, {{"BILLSYNC_ADMIN_TOKEN", "ops=short"}});
  EXPECT_EQ(weak.status, 3);
  EXPECT_NE(weak.out.find("the admin token of role ops has fewer than 16 characters"), std::string::npos) << weak.out;
}

// This cluster does not flush to disk, which is what doctor has to say of it and all; on one that does it says nothing,
// see DatabaseAway.CommandsSayThatTheDatabaseIsAway.
TEST(Doctor, FindsAMigratedDatabaseHealthyExceptThatItMayLoseACommit) {
  TestDatabase database;
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(Findings(result.out),
            (std::set<std::string>{"ok configuration", "ok secrets", "ok plan map", "ok database", "fault durability",
                                   "ok clock", "ok schema", "ok row-level security", "ok roles", "ok metering",
                                   "ok Stripe's API", "ok endpoint", "ok events", "ok usage", "ok jobs", "ok bloat",
                                   "ok disk", "ok serve"}))
      << result.out;
  EXPECT_EQ(result.out.find(kSecret), std::string::npos);
  EXPECT_EQ(result.out.find("0123456789abcdef"), std::string::npos);
  const auto people = Billsync(database, {"doctor"}, kTokens);
  EXPECT_NE(people.out.find("→ set both on for this database"), std::string::npos) << people.out;
}

// As config/postgres-roles.sql has it, `serve` and all commands work as a role that owns nothing.
TEST(Doctor, WorksAsARoleThatOwnsNothing) {
  TestDatabase database;
  GrantRoles(database);
  const LoginRole service(database, " IN ROLE billsync_service");
  const Workplace workplace;
  const std::string config =
      workplace.Put("config.toml", ReadSource("fixtures/demo/billsync.toml") + "\n[usage]\nexport_directory = \"" +
                                       workplace.path() + "/not/yet\"\n");
  auto environment = kTokens;
  environment.insert({{"DATABASE_URL", service.url()}, {"STRIPE_WEBHOOK_SECRET", kSecret}});
  const auto well = RunProgram({"--config", config, "doctor", "--json"}, environment);
  EXPECT_EQ(well.status, 3);
  EXPECT_EQ(Findings(well.out),
            (std::set<std::string>{"ok configuration", "ok secrets", "ok plan map", "ok database", "fault durability",
                                   "ok clock", "ok schema", "ok row-level security", "ok roles", "ok metering",
                                   "ok Stripe's API", "ok endpoint", "ok events", "ok usage", "ok jobs", "ok bloat",
                                   "ok disk", "ok serve"}))
      << well.out;
  EXPECT_THAT(well.out, HasSubstr("cannot be seen by this role"));
  EXPECT_THAT(well.out, HasSubstr("are free for exports (" + workplace.path() + ")"));
  EXPECT_THAT(Billsync(database, {"doctor", "--json"}, kTokens).out, HasSubstr("are free for the database ("));

  database.Run(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'billing_invoices_by_number'::regclass;"
      "DROP INDEX billing_usage_dearest; ALTER TABLE agent_runs DISABLE TRIGGER agent_runs_recount_usage;"
      "GRANT UPDATE ON billing_invoices TO PUBLIC; REVOKE SELECT ON billing_fx_rates FROM billsync_service;"
      "INSERT INTO billing_jobs (job, last_error) VALUES ('close', 'broken');"
      "INSERT INTO stripe_events (id, type, created, livemode, payload, status, reason) VALUES "
      "('evt_1', 'invoice.paid', now(), false, '{}', 'parked', 'unknown_customer')");
  const auto ill = Billsync(service.url(), {"doctor", "--json"}, kTokens);
  EXPECT_EQ(ill.status, 3);
  Findings(ill.out);  // each with what mends it
  for (const char* part :
       {"REINDEX INDEX CONCURRENTLY billing_invoices_by_number", "CREATE INDEX CONCURRENTLY billing_usage_dearest",
        "agent_runs_recount_usage", "REVOKE UPDATE ON billing_invoices FROM PUBLIC", "billing_fx_rates",
        "billsync jobs run close", "billsync events list --status parked"}) {
    EXPECT_THAT(ill.out, HasSubstr(part));
  }
}

TEST(Doctor, NamesATriggerThatIsOffAndAnIndexThatIsMissing) {
  TestDatabase database;
  database.Run(
      "ALTER TABLE agent_runs DISABLE TRIGGER agent_runs_recount_usage; ALTER TABLE billing_usage DISABLE TRIGGER ALL; "
      "ALTER "
      "TABLE billing_usage ENABLE TRIGGER ALL; DROP INDEX idx_agent_runs_overnight; DROP INDEX "
      "stripe_events_due_failed");
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  for (const char* part :
       {"agent_runs_recount_usage of agent_runs is off: runs go uncounted",
        "ALTER TABLE billing_usage ENABLE ALWAYS TRIGGER billing_usage_closed_update",
        "CREATE INDEX CONCURRENTLY idx_agent_runs_overnight ON agent_runs (user_id, completed_at) WHERE status = "
        "'completed' AND (created_at IS NULL OR",
        "CREATE INDEX CONCURRENTLY stripe_events_due_failed ON stripe_events (next_attempt_at) WHERE"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << result.out;
  }
}

TEST(Doctor, NamesAnIndexThatIsNotNeededAnyMore) {
  TestDatabase database;
  database.Run("CREATE INDEX idx_agent_runs_completed ON agent_runs (user_id)");
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.out.find("DROP INDEX CONCURRENTLY idx_agent_runs_completed"), std::string::npos) << result.out;
}

TEST(Doctor, PointsAtParkedEvents) {
  TestDatabase database;
  database.Run(
      "INSERT INTO stripe_events (id, type, created, livemode, payload, status, reason) VALUES "
      "('evt_1', 'invoice.paid', now(), false, '{}', 'parked', 'unknown_customer')");
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  EXPECT_TRUE(Findings(result.out).contains("warning events"));
  EXPECT_NE(result.out.find("billsync events list --status parked --reason unknown_customer"), std::string::npos)
      << result.out;
}

// What doctor says of a database after these statements.
std::string SaidAfter(const std::string& statements) {
  TestDatabase database;
  database.Run(statements);
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  Findings(result.out);
  return result.out;
}

TEST(Doctor, SeesWhoElseMayWriteAndRowSecurityThatIsOff) {
  const std::string said = SaidAfter(
      "GRANT UPDATE ON billing_invoices TO PUBLIC; GRANT SELECT ON stripe_events TO PUBLIC;"
      "ALTER TABLE billing_subscription_items DISABLE ROW LEVEL SECURITY");
  EXPECT_THAT(said, HasSubstr("REVOKE UPDATE ON billing_invoices FROM PUBLIC"));
  EXPECT_THAT(said, HasSubstr("REVOKE SELECT ON stripe_events FROM PUBLIC"));
  EXPECT_THAT(said, HasSubstr("ALTER TABLE billing_subscription_items ENABLE ROW LEVEL SECURITY"));
  // Its own cure makes it well.
  TestDatabase database;
  database.Run("GRANT UPDATE ON billing_invoices TO PUBLIC; REVOKE UPDATE ON billing_invoices FROM PUBLIC");
  EXPECT_THAT(Billsync(database, {"doctor", "--json"}, kTokens).out, HasSubstr("nobody else may write"));
}

TEST(Doctor, SeesIndexesThatAreMissingOrNotValid) {
  const std::string said = SaidAfter(
      "DROP INDEX billing_users_by_email;"
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'billing_invoices_by_number'::regclass");
  EXPECT_THAT(said, HasSubstr("CREATE INDEX CONCURRENTLY billing_users_by_email ON users (lower(email) COLLATE"));
  EXPECT_THAT(said, HasSubstr("REINDEX INDEX CONCURRENTLY billing_invoices_by_number"));
}

TEST(Doctor, SeesTablesThatAreNotCleaned) {
  TestDatabase database;
  database.Run(
      "ALTER TABLE billing_fx_rates SET (autovacuum_enabled = off);"
      "INSERT INTO billing_fx_rates SELECT 'eur', date '1990-01-01' + n, 1 FROM generate_series(1, 10001) n;"
      "DELETE FROM billing_fx_rates");
  const auto said = [&] { return Billsync(database, {"doctor", "--json"}, kTokens).out; };
  EXPECT_THAT(said(), HasSubstr("ALTER TABLE billing_fx_rates RESET (autovacuum_enabled)"));
  // The server's counters come a moment late.
  EXPECT_TRUE(Eventually([&] { return said().find("VACUUM (ANALYZE) billing_fx_rates;") != std::string::npos; },
                         std::chrono::seconds(20)));
}

TEST(Doctor, SeesPricesThatNobodyMappedAndAnotherPlanMap) {
  const std::string said = SaidAfter(
      "INSERT INTO billing_prices (price_id, nickname, metered, tiered, past_lookup_keys, active, deleted, livemode,"
      " last_event_id, last_event_created, needs_refetch)"
      " SELECT id, 'Gold', false, false, '{}', active, false, false, 'evt_1', now(), false"
      " FROM (VALUES ('price_demo_pro_monthly', true), ('price_gold', true), ('price_old', false)) v (id, active);"
      "INSERT INTO billing_plan_map (fingerprint, free_quota) VALUES ('another', 100)");
  EXPECT_THAT(said, HasSubstr("no plan maps price_gold, an active price of the catalog (Gold)"));
  EXPECT_THAT(said, Not(HasSubstr("price_demo_pro_monthly")));
  EXPECT_THAT(said, Not(HasSubstr("price_old")));
  EXPECT_THAT(said, HasSubstr("restart billsync serve with this configuration"));
}

TEST(Doctor, SeesAnEndpointThatIsSilentAndModesThatMix) {
  const std::string said = SaidAfter(
      "INSERT INTO stripe_events (id, type, created, livemode, payload, status, received_at, applied_at, api_version)"
      " VALUES ('evt_1', 'x', now(), false, '{}', 'applied', now() - interval '3 days', now(), '2024-06-20'),"
      " ('evt_2', 'x', now(), true, '{}', 'applied', now() - interval '3 days', now(), '2025-03-31.basil')");
  EXPECT_THAT(said, HasSubstr("the last event came 3 days ago"));
  EXPECT_THAT(said, HasSubstr("API versions of the last events: 2024-06-20 (1), 2025-03-31.basil (1)"));
  EXPECT_THAT(said, HasSubstr("set BILLSYNC_LIVEMODE=true"));
}

TEST(Doctor, SeesDriftJobsThatFailAndJobsNobodyRuns) {
  const std::string said = SaidAfter(
      "INSERT INTO billing_usage_checks (month, checked_at, drifts) VALUES ('2026-01-01', now(), 7);"
      "INSERT INTO billing_jobs (job, next_due_at, last_error) VALUES ('close', now() + interval '1 hour', 'broken'),"
      " ('rollup', now() - interval '1 hour', NULL)");
  EXPECT_THAT(said, HasSubstr("the last check found 7 differences"));
  EXPECT_THAT(said, HasSubstr("close failed: broken"));
  EXPECT_THAT(said, HasSubstr("billsync jobs run close"));
  EXPECT_THAT(said, HasSubstr("nobody runs them: rollup"));
}

TEST(Doctor, AsksARunningServeWhichSecretsFit) {
  TestDatabase database;
  RunningService service(database.url(), {{"STRIPE_WEBHOOK_SECRET", "new=whsec_another"}});
  const auto said = [&](const std::string& token) {
    return Billsync(database, {"doctor", "--json"},
                    {{"BILLSYNC_ADMIN_TOKEN", "ops=" + token},
                     {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:" + std::to_string(service.admin_port())}})
        .out;
  };
  EXPECT_THAT(said(kOpsToken), HasSubstr("answers at 127.0.0.1:"));
  EXPECT_THAT(said(kOpsToken), Not(HasSubstr("no signature fits")));
  const std::string body = SubscriptionEvent("evt_1", "sub_1", "cus_1");
  EXPECT_EQ(PostEvent(service.port(), body, SignIndependently(body)).status, 400);
  EXPECT_THAT(said(kOpsToken), HasSubstr("no signature fits"));
  EXPECT_THAT(said("a-token-of-somebody-else"), HasSubstr("refuses the token (401)"));
}

}  // namespace
}  // namespace billsync::testing
