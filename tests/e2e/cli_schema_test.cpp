// migrate, doctor, and what serve says of a database that is not ready.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"

namespace billsync::testing {
namespace {

const std::map<std::string, std::string> kTokens = {{"BILLSYNC_ADMIN_TOKEN", "ops=0123456789abcdef"}};

TEST(Migrate, MakesTheWholeSchemaOnAnEmptyDatabaseAndDoesNothingASecondTime) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto pending = Billsync(database, {"migrate", "--check"});
  EXPECT_EQ(pending.status, 3) << pending.err;
  EXPECT_NE(pending.out.find("0003_billsync"), std::string::npos) << pending.out;
  EXPECT_EQ(database.Value("SELECT to_regclass('public.users') IS NULL"), "t");  // a check changes nothing

  const auto first = Billsync(database, {"migrate"});
  EXPECT_EQ(first.status, 0) << first.out << first.err;
  EXPECT_NE(first.out.find("The schema is current."), std::string::npos) << first.out;
  EXPECT_EQ(database.Value("SELECT count(*) FROM stripe_events"), "0");
  const std::string before = database.Value("SELECT string_agg(oid || relname, ',' ORDER BY oid) FROM pg_class");

  const auto second = Billsync(database, {"migrate"});
  EXPECT_EQ(second.status, 0);
  EXPECT_EQ(second.out, "The schema was current; nothing to do.\n");
  EXPECT_EQ(database.Value("SELECT string_agg(oid || relname, ',' ORDER BY oid) FROM pg_class"), before);
  EXPECT_EQ(Billsync(database, {"migrate", "--check"}).status, 0);
}

TEST(Migrate, SpeaksJson) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto check = Billsync(database, {"migrate", "--check", "--json"});
  EXPECT_EQ(check.status, 3);
  const auto pending = ParsedJson(check.out);
  ASSERT_TRUE(pending.IsObject() && pending["pending"].IsArray()) << check.out;
  EXPECT_GE(pending["pending"].Size(), 3U);
  const auto done = Billsync(database, {"migrate", "--json"});
  EXPECT_EQ(done.status, 0) << done.out;
  const auto report = ParsedJson(done.out);
  EXPECT_EQ(report["applied"].Size(), pending["pending"].Size());
  EXPECT_EQ(report["warnings"].Size(), 0U) << done.out;
}

TEST(Serve, RefusesADatabaseThatIsNotMigrated) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  const auto serve = Billsync(database, {"serve"}, {{"BILLSYNC_LISTEN", "127.0.0.1:0"}});
  EXPECT_EQ(serve.status, 1);
  EXPECT_NE(serve.err.find("the database schema is not current; run: billsync migrate"), std::string::npos)
      << serve.err;
}

TEST(Serve, OtherCommandsSayItToo) {
  TestDatabase database(TestDatabase::Contents::kEmpty);
  for (const auto& command : std::vector<std::vector<std::string>>{
           {"events", "list"}, {"rollup"}, {"jobs", "list"}, {"export", "usage", "--output", "-"}}) {
    const auto result = Billsync(database, command);
    EXPECT_EQ(result.status, 1) << command[0];
    EXPECT_NE(result.err.find("billsync doctor"), std::string::npos) << result.err;
  }
}

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
  EXPECT_EQ(broken.status, 3);
  EXPECT_EQ(ParsedLines(broken.out).size(), 2U) << broken.out;
  EXPECT_EQ(Findings(broken.out), std::set<std::string>{"fault configuration"});
}

// This cluster does not flush to disk, which is what doctor has to say of it and all; on one that does it says nothing,
// see DatabaseAway.CommandsSayThatTheDatabaseIsAway.
TEST(Doctor, FindsAMigratedDatabaseHealthyExceptThatItMayLoseACommit) {
  TestDatabase database;
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(Findings(result.out),
            (std::set<std::string>{"ok configuration", "ok secrets", "ok plan map", "ok database", "fault durability",
                                   "ok clock", "ok schema", "ok row-level security", "ok events", "ok metering"}))
      << result.out;
  EXPECT_EQ(result.out.find(kSecret), std::string::npos);
  EXPECT_EQ(result.out.find("0123456789abcdef"), std::string::npos);
  const auto people = Billsync(database, {"doctor"}, kTokens);
  EXPECT_NE(people.out.find("→ set both on for this database"), std::string::npos) << people.out;
}

TEST(Doctor, NamesATriggerThatIsOffAndAnIndexThatIsMissing) {
  TestDatabase database;
  database.Run(
      "ALTER TABLE agent_runs DISABLE TRIGGER agent_runs_meter_end; ALTER TABLE billing_usage DISABLE TRIGGER ALL; "
      "ALTER "
      "TABLE billing_usage ENABLE TRIGGER ALL; DROP INDEX idx_agent_runs_completed");
  const auto result = Billsync(database, {"doctor", "--json"}, kTokens);
  EXPECT_EQ(result.status, 3);
  for (const char* part : {"agent_runs_meter_end of agent_runs is off: runs go uncounted",
                           "ALTER TABLE billing_usage ENABLE ALWAYS TRIGGER billing_usage_closed_update",
                           "CREATE INDEX CONCURRENTLY idx_agent_runs_completed"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << result.out;
  }
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

}  // namespace
}  // namespace billsync::testing
