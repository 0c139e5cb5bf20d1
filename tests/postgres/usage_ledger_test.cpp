// Every change of a run is counted once, whoever makes it, however and when.
#include <gtest/gtest.h>

#include <future>

#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();

// Days and models whose runs, live and deleted, say something else than billing_usage_by_day.
constexpr const char* kDayDifferences = R"(
    WITH runs AS (
        SELECT id, status, created_at, completed_at, started_at, model_used, cost_usd FROM agent_runs
        UNION ALL
        SELECT run_id, status, created_at, completed_at, NULL, model_used, cost_usd FROM billing_retired_runs d
        WHERE NOT EXISTS (SELECT FROM agent_runs r WHERE r.id = d.run_id
                                                     AND r.status IN ('completed', 'failed', 'cancelled'))
    ), dated AS (
        SELECT r.*, coalesce(r.created_at, r.completed_at, r.started_at, u.month::timestamp AT TIME ZONE 'UTC') AS at
        FROM runs r
        LEFT JOIN billing_undated_runs u ON u.run_id = r.id
        WHERE r.status IN ('completed', 'failed', 'cancelled')
    )
    SELECT count(*)
    FROM (SELECT (at AT TIME ZONE 'UTC')::date AS day, "left"(coalesce(model_used, 'unknown'), 500) AS model,
                 count(*) AS runs,
                 coalesce(sum(cost_usd) FILTER (WHERE cost_usd >= 0 AND cost_usd < 'Infinity'), 0) AS cost
          FROM dated
          WHERE at >= '1970-01-01Z' AND at < '9999-01-01Z'
          GROUP BY 1, 2) r
    FULL JOIN (SELECT * FROM billing_usage_by_day
               WHERE completed_runs + failed_runs + cancelled_runs > 0) y USING (day, model)
    WHERE (r.runs, r.cost) IS DISTINCT FROM (y.completed_runs + y.failed_runs + y.cancelled_runs, y.cost_usd))";

class UsageLedgerTest : public ::testing::Test {
 protected:
  UsageLedgerTest() {
    AddUser(database_, 1);
    AddUser(database_, 2);
  }

  // "" when every month's runs say what is recorded of them.
  std::string Drift() {
    return database_.Value(
        "SELECT coalesce(string_agg(m::date || d::text, ' '), '') FROM generate_series('2026-01-01'::date, "
        "'2027-12-01', interval '1 month') m CROSS JOIN billing_usage_drift(m::date) d");
  }
  void Rollup() {
    const auto session = database_.Connect();
    usage::Rollup(*session, kNow);
    EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_usage_deltas"), "0");
    EXPECT_EQ(Drift(), "");
    EXPECT_EQ(database_.Value(kDayDifferences), "0");
  }
  std::string Pending() { return database_.Value("SELECT count(*) FROM billing_usage_deltas"); }
  // "month user runs/failed/cancelled/unpriced tokens cost {model: cost}" of every row that counts anything.
  std::string Usage() {
    return database_.Value(
        "SELECT coalesce(string_agg(to_char(period_start, 'MM') || ' ' || right(user_id::text, 1) || ' ' || total_runs "
        "|| '/' || failed_runs || '/' || cancelled_runs || '/' || unpriced_runs || ' ' || total_tokens || ' ' || "
        "total_cost_exact_usd || ' ' || cost_breakdown, '; ' ORDER BY period_start, user_id), '') FROM billing_usage "
        "WHERE total_runs + failed_runs + cancelled_runs > 0");
  }
  void Completed(int number, int user = 1) {
    AddRun(database_, number, user,
           {{"status", "'completed'"},
            {"cost_usd", "1"},
            {"model_used", "'m'"},
            {"tokens_total", "10"},
            {"created_at", "'2026-10-05'"}});
  }

  TestDatabase database_;
};

TEST_F(UsageLedgerTest, CostsNothingForRunsThatAreQueuedOrRunning) {
  AddRuns(database_, 1, 3);
  database_.Run("UPDATE agent_runs SET status = 'running', started_at = now()");
  EXPECT_EQ(Pending(), "0");
  database_.Run("UPDATE agent_runs SET status = 'completed', created_at = '2026-10-05', cost_usd = 0.5");
  EXPECT_EQ(Pending(), "3");
  database_.Run("UPDATE agent_runs SET output = 'text', llm_calls = 4, team_id = team_id");
  EXPECT_EQ(Pending(), "3") << "nothing that counts has changed";
  Rollup();
  EXPECT_EQ(Usage(), "10 1 3/0/0/0 0 1.5000 {\"unknown\": 1.5000}");
}

TEST_F(UsageLedgerTest, FollowsEveryCorrection) {
  Completed(1);
  Rollup();
  const std::string id = " WHERE id = '" + RunId(1) + "'";
  const std::vector<std::pair<std::string, std::string>> corrections = {
      {"status = 'failed'", "10 1 0/1/0/0 10 1.0000 {\"m\": 1.0000}"},
      {"status = 'running'", ""},
      {"status = 'cancelled'", "10 1 0/0/1/0 10 1.0000 {\"m\": 1.0000}"},
      {"status = NULL", ""},
      {"status = 'completed'", "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}"},
      {"cost_usd = NULL", "10 1 1/0/0/1 10 0.0000 {\"m\": 0.0000}"},
      {"cost_usd = 0.0001", "10 1 1/0/0/0 10 0.0001 {\"m\": 0.0001}"},
      {"tokens_total = NULL, tokens_prompt = 4", "10 1 1/0/0/0 4 0.0001 {\"m\": 0.0001}"},
      {"tokens_completion = 3", "10 1 1/0/0/0 7 0.0001 {\"m\": 0.0001}"},
      {"tokens_total = 2147483647", "10 1 1/0/0/0 2147483647 0.0001 {\"m\": 0.0001}"},
      {"model_used = NULL", "10 1 1/0/0/0 2147483647 0.0001 {\"unknown\": 0.0001}"},
      {"user_id = '" + UserId(2) + "'", "10 2 1/0/0/0 2147483647 0.0001 {\"unknown\": 0.0001}"},
      {"created_at = '2026-11-01'", "11 2 1/0/0/0 2147483647 0.0001 {\"unknown\": 0.0001}"},
      {"created_at = NULL, completed_at = '2026-09-01'", "09 2 1/0/0/0 2147483647 0.0001 {\"unknown\": 0.0001}"},
      {"completed_at = NULL, started_at = '2026-08-31'", "08 2 1/0/0/0 2147483647 0.0001 {\"unknown\": 0.0001}"},
      {"created_at = '2026-10-05', user_id = '" + UserId(1) + "', model_used = 'm', tokens_total = 0, cost_usd = 2",
       "10 1 1/0/0/0 0 2.0000 {\"m\": 2.0000}"},
  };
  for (const auto& [change, usage] : corrections) {
    database_.Run("UPDATE agent_runs SET " + change + id);
    EXPECT_EQ(Drift(), "") << "pending deltas count: " << change;
    Rollup();
    EXPECT_EQ(Usage(), usage) << change;
  }
}

TEST_F(UsageLedgerTest, CountsWhatCommitsLateAndNothingThatRollsBack) {
  Completed(1);
  const auto late = database_.Connect();
  db::Transaction open(*late);
  open.Exec("test",
            std::string("INSERT INTO agent_runs (agent_id, team_id, user_id, input, status, cost_usd, created_at) "
                        "VALUES ('") +
                kAgentId + "', '" + kTeamId + "', '" + UserId(1) + "', 'x', 'completed', 5, '2026-10-06')",
            {});
  {
    const auto other = database_.Connect();
    db::Transaction lost(*other);
    lost.Exec("test", "UPDATE agent_runs SET cost_usd = 1000", {});
  }
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
  open.Commit();
  Rollup();
  EXPECT_EQ(Usage(), "10 1 2/0/0/0 10 6.0000 {\"m\": 1.0000, \"unknown\": 5.0000}");
}

TEST_F(UsageLedgerTest, CountsASavepointThatWasRolledBackNotAtAll) {
  Completed(1);
  database_.Run(
      "DO $$ BEGIN UPDATE agent_runs SET cost_usd = 7; RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception "
      "THEN NULL; END $$");
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
}

TEST_F(UsageLedgerTest, CountsBulkLoadsAndUpserts) {
  AddRuns(database_, 1, 1000, {{"status", "'completed'"}, {"cost_usd", "0.01"}, {"created_at", "'2026-10-05'"}});
  const std::string values =
      "INSERT INTO agent_runs (id, agent_id, team_id, user_id, input, status, cost_usd, "
      "created_at) VALUES ('" +
      RunId(1) + "', '" + kAgentId + "', '" + kTeamId + "', '" + UserId(2) +
      "', 'x', 'completed', 2, '2026-10-06') ON CONFLICT (id) DO UPDATE SET "
      "cost_usd = EXCLUDED.cost_usd + 1";
  database_.Run(values);
  database_.Run(values);
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1000/0/0/0 0 10.0000 {\"unknown\": 10.0000}; 10 2 1/0/0/0 0 3.0000 {\"unknown\": 3.0000}");
}

TEST_F(UsageLedgerTest, KeepsADeletedRunAndTakesItBackWhenItReturns) {
  const std::string one = "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}";
  Completed(1);
  Rollup();
  database_.Run("DELETE FROM agent_runs");
  EXPECT_EQ(Pending(), "0");
  Rollup();
  EXPECT_EQ(Usage(), one);
  // Restored in another state: what was spent was spent, until it ends again.
  AddRun(database_, 1, 1, {{"status", "'queued'"}, {"created_at", "'2026-10-05'"}});
  Rollup();
  EXPECT_EQ(Usage(), one);
  database_.Run("DELETE FROM agent_runs");
  AddRun(database_, 1, 1, {{"status", "'running'"}, {"created_at", "'2026-10-05'"}});
  Rollup();
  EXPECT_EQ(Usage(), one);
  database_.Run("UPDATE agent_runs SET status = 'completed', cost_usd = 3");
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 0 3.0000 {\"unknown\": 3.0000}");
  database_.Run("DELETE FROM teams; DELETE FROM users WHERE id = '" + UserId(99) + "'");
  Rollup();
  Completed(1, 2);
  Rollup();
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}") << "to another user";
  database_.Run("WITH gone AS (DELETE FROM agent_runs RETURNING *) INSERT INTO agent_runs SELECT * FROM gone");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}") << "deleted and restored by one statement";
  database_.Run("TRUNCATE agent_runs CASCADE");
  Completed(2, 2);
  database_.Run("UPDATE agent_runs SET id = '" + RunId(1) + "'");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}") << "another run took the id";
}

TEST_F(UsageLedgerTest, GivesARunWithoutAnyDateTheMonthItWasFirstSeenIn) {
  AddRun(database_, 1, 1, {{"status", "'completed'"}, {"created_at", "NULL"}, {"cost_usd", "1"}});
  const std::string month = database_.Value("SELECT to_char(now() AT TIME ZONE 'UTC', 'MM')");
  Rollup();
  EXPECT_EQ(Usage(), month + " 1 1/0/0/0 0 1.0000 {\"unknown\": 1.0000}");
  database_.Run("UPDATE billing_undated_runs SET month = '2026-03-01'; UPDATE agent_runs SET cost_usd = 1.5");
  database_.Run(
      "DELETE FROM billing_usage_by_model; DELETE FROM billing_usage_by_day; DELETE FROM billing_usage_deltas; DELETE "
      "FROM billing_usage");
  const auto session = database_.Connect();
  for (const auto& of_usage : usage::MonthsOfUsage(*session)) {
    EXPECT_EQ(usage::RecomputeMonth(*session, of_usage, kNow, {.allow_decrease = true}), 1);
  }
  EXPECT_EQ(Usage(), "03 1 1/0/0/0 0 1.5000 {\"unknown\": 1.5000}");
  database_.Run("DELETE FROM agent_runs");
  Rollup();
  EXPECT_EQ(Usage(), "03 1 1/0/0/0 0 1.5000 {\"unknown\": 1.5000}");
  AddRun(database_, 1, 1, {{"status", "'completed'"}, {"created_at", "'2026-10-01'"}, {"cost_usd", "1"}});
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 0 1.0000 {\"unknown\": 1.0000}");
}

// One absurd value must not stop everybody's usage, nor the platform's own write.
TEST_F(UsageLedgerTest, SurvivesValuesNoSumCouldInclude) {
  database_.Run(R"(
      DROP VIEW agent_stats, user_usage_summary;
      ALTER TABLE agent_runs ALTER cost_usd TYPE numeric, ALTER tokens_total TYPE bigint,
          ALTER tokens_prompt TYPE bigint, ALTER tokens_completion TYPE bigint;
      CREATE OR REPLACE FUNCTION billing_refuse_bad_run(before record, after record) RETURNS void LANGUAGE plpgsql
          AS 'BEGIN END';
  )");
  const Columns base = {{"status", "'completed'"}, {"created_at", "'2026-10-05'"}, {"model_used", "'m'"}};
  const auto with = [&](Columns more) {
    more.insert(base.begin(), base.end());
    AddRuns(database_, 1, 1, more);
  };
  with({{"cost_usd", "'NaN'"}});
  with({{"cost_usd", "'Infinity'"}});
  with({{"cost_usd", "0.123456789"}});
  with({{"cost_usd", "1e30"}});
  with({{"tokens_total", "-5"}});
  for (int i = 0; i < 3; ++i) with({{"tokens_total", "9223372036854775807"}});
  with({{"tokens_prompt", "9223372036854775807"}, {"tokens_completion", "9223372036854775807"}});
  Columns long_model = base;
  long_model["model_used"] = "repeat('é', 100000)";
  AddRuns(database_, 2, 1, long_model);
  Rollup();
  EXPECT_EQ(database_.Value("SELECT total_runs || ' ' || unpriced_runs || ' ' || total_tokens || ' ' || total_cost_usd "
                            "|| ' ' || total_cost_exact_usd FROM billing_usage WHERE user_id = '" +
                            UserId(1) + "'"),
            "9 7 9223372036854775807 1000000000000000000000000000000.12 1000000000000000000000000000000.123456789");
  EXPECT_EQ(database_.Value("SELECT length(model) FROM billing_usage_by_model WHERE user_id = '" + UserId(2) + "'"),
            "500");
  database_.Run("UPDATE agent_runs SET cost_usd = 1 WHERE cost_usd > 1 OR cost_usd < 1; DELETE FROM agent_runs");
  Rollup();
  EXPECT_EQ(database_.Value("SELECT total_cost_exact_usd FROM billing_usage WHERE user_id = '" + UserId(1) + "'"),
            "4.0000")
      << "no digits are left over from what was corrected";
}

TEST_F(UsageLedgerTest, IsDrainedOnceByManyAtATime) {
  AddRuns(database_, 1, 20000, {{"status", "'completed'"}, {"cost_usd", "0.01"}, {"created_at", "'2026-10-05'"}});
  AddRuns(database_, 2, 20000, {{"status", "'failed'"}, {"cost_usd", "0.01"}, {"created_at", "'2026-10-05'"}});
  const auto drain = [&] {
    const auto session = database_.Connect();
    usage::Rollup(*session, kNow);
  };
  std::vector<std::future<void>> drains;
  for (int i = 0; i < 4; ++i) drains.push_back(std::async(std::launch::async, drain));
  for (auto& one : drains) one.get();
  Rollup();
  EXPECT_EQ(Usage(),
            "10 1 20000/0/0/0 0 200.0000 {\"unknown\": 200.0000}; "
            "10 2 0/20000/0/0 0 200.0000 {\"unknown\": 200.0000}");
}

// The platform may hold a users row FOR UPDATE for long; the reference of a new usage row to it would wait.
TEST_F(UsageLedgerTest, DoesNotWaitForAUserWhoseRowSomebodyHolds) {
  Completed(1, 1);
  Completed(2, 2);
  const auto holder = database_.Connect();
  db::Transaction hold(*holder);
  hold.Exec("test", "SELECT FROM users WHERE id = '" + UserId(1) + "' FOR UPDATE", {});
  const auto session = database_.Connect();
  database_.Run("ALTER DATABASE " + database_.Value("SELECT current_database()") + " SET lock_timeout = '2s'");
  EXPECT_EQ(usage::Rollup(*session, kNow), 1);
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
  EXPECT_EQ(Drift(), "");
  hold.Commit();
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}; 10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
}

TEST_F(UsageLedgerTest, TellsDriftAndPutsItRight) {
  Completed(1);
  Rollup();
  database_.Run("ALTER TABLE agent_runs DISABLE TRIGGER USER");
  Completed(2, 2);
  database_.Run("UPDATE agent_runs SET cost_usd = 4 WHERE user_id = '" + UserId(1) + "'");
  database_.Run("ALTER TABLE agent_runs ENABLE TRIGGER USER");
  EXPECT_EQ(database_.Value("SELECT string_agg(right(user_id::text, 1) || ' ' || model || ' ' || completed_runs || ' ' "
                            "|| tokens || ' ' || cost_usd, '; ' ORDER BY user_id) FROM "
                            "billing_usage_drift('2026-10-01')"),
            "1 m 0 0 3.0000; 2 m 1 10 1.0000");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RecomputeMonth(*session, billing::Month::Parse("2026-10").value(), kNow, {.allow_decrease = true}),
            2);
  EXPECT_EQ(Drift(), "");
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 4.0000 {\"m\": 4.0000}; 10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
}

// A ledger that fell below zero (runs that were corrected but never counted) must not stop the others.
TEST_F(UsageLedgerTest, PublishesNothingBelowZeroAndGoesOn) {
  database_.Run("ALTER TABLE agent_runs DISABLE TRIGGER USER");
  Completed(1);
  database_.Run("ALTER TABLE agent_runs ENABLE TRIGGER USER; UPDATE agent_runs SET status = 'running'");
  Completed(2, 2);
  const auto session = database_.Connect();
  EXPECT_EQ(usage::Rollup(*session, kNow), 2);
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
  EXPECT_NE(Drift(), "");
}

// More deltas of such a user than one transaction takes must not keep the others' from being taken.
TEST_F(UsageLedgerTest, PassesOverAHeldUserHoweverMuchWaits) {
  AddRuns(database_, 1, 20'001, {{"status", "'completed'"}, {"created_at", "'2026-10-05'"}});
  Completed(2, 2);
  const auto holder = database_.Connect();
  db::Transaction hold(*holder);
  hold.Exec("test", "SELECT FROM users WHERE id = '" + UserId(1) + "' FOR UPDATE", {});
  const auto session = database_.Connect();
  EXPECT_EQ(usage::Rollup(*session, kNow), 1);
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
}

// Its snapshot shows neither that the run was deleted nor that the deleted one is still counted.
TEST_F(UsageLedgerTest, RefusesARestoreByATransactionThatCannotSeeTheDeletion) {
  for (const char* level : {"REPEATABLE READ", "SERIALIZABLE"}) {
    Completed(1);
    const auto session = database_.Connect();
    db::Transaction late(*session);
    late.ExecScript("test", std::string("SET TRANSACTION ISOLATION LEVEL ") + level);
    late.Exec("test", "SELECT count(*) FROM agent_runs", {});
    database_.Run("DELETE FROM agent_runs");
    try {
      late.ExecScript(
          "test", "INSERT INTO agent_runs (id, agent_id, team_id, user_id, input, status, cost_usd) VALUES ('" +
                      RunId(1) + "', '" + kAgentId + "', '" + kTeamId + "', '" + UserId(1) + "', 'x', 'completed', 1)");
      ADD_FAILURE() << level << ": was not refused";
    } catch (const db::Transient& e) {
      EXPECT_EQ(e.sqlstate(), "40001") << e.what();
    }
    Rollup();
    EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
  }
  const auto session = database_.Connect();
  db::Transaction fresh(*session);
  fresh.ExecScript("test",
                   "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO agent_runs (id, agent_id, team_id, "
                   "user_id, input, status, cost_usd, created_at, model_used, tokens_total) VALUES ('" +
                       RunId(1) + "', '" + kAgentId + "', '" + kTeamId + "', '" + UserId(1) +
                       "', 'x', 'completed', 1, '2026-10-05', 'm', 10)");
  fresh.Commit();
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_retired_runs"), "0");
}

TEST_F(UsageLedgerTest, TakesNothingAwayInARecomputationUnlessItIsTold) {
  Completed(1);
  Completed(2, 2);
  Rollup();
  database_.Run("SET session_replication_role = replica; DELETE FROM agent_runs WHERE user_id = '" + UserId(1) + "'");
  const auto session = database_.Connect();
  const auto october = billing::Month::Parse("2026-10").value();
  const auto refused = usage::RecomputeMonth(*session, october, kNow, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().pairs, 1);
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}; 10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
  EXPECT_EQ(usage::RecomputeMonth(*session, october, kNow, {.allow_decrease = true}), 1);
  EXPECT_EQ(Usage(), "10 2 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
}

TEST_F(UsageLedgerTest, KeepsAUserWhoseUsageIsNotPublishedYet) {
  Completed(1);
  database_.Run("DELETE FROM agent_runs");
  try {
    database_.Run("DELETE FROM users WHERE id = '" + UserId(1) + "'");
    ADD_FAILURE() << "was not refused";
  } catch (const db::Error& e) {
    EXPECT_NE(std::string(e.what()).find("has usage and cannot be deleted"), std::string::npos) << e.what();
  }
  database_.Run("DELETE FROM users WHERE id = '" + UserId(2) + "'");
  Rollup();
  EXPECT_EQ(Usage(), "10 1 1/0/0/0 10 1.0000 {\"m\": 1.0000}");
}

}  // namespace
}  // namespace billsync::testing
