// A platform that has partitioned agent_runs by month.
#include <gtest/gtest.h>

#include "billsync/base/parse.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();

class UsagePartitionedTest : public ::testing::Test {
 protected:
  UsagePartitionedTest() {
    AddUser(database_, 1);
    AddRuns(database_, 1, 2, {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-10-05'"}});
    database_.Run(R"(
        DROP VIEW agent_stats, user_usage_summary;
        ALTER TABLE llm_calls DROP CONSTRAINT llm_calls_agent_run_id_fkey;
        ALTER TABLE error_logs DROP CONSTRAINT error_logs_agent_run_id_fkey;
        ALTER TABLE agent_runs RENAME TO agent_runs_before;
        CREATE TABLE agent_runs (LIKE agent_runs_before INCLUDING DEFAULTS, PRIMARY KEY (id, created_at))
            PARTITION BY RANGE (created_at);
        CREATE TABLE agent_runs_10 PARTITION OF agent_runs FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
        CREATE TABLE agent_runs_11 PARTITION OF agent_runs FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
        INSERT INTO agent_runs TABLE agent_runs_before;
        SELECT billing_install_metering();
        CREATE TABLE agent_runs_12 PARTITION OF agent_runs FOR VALUES FROM ('2026-12-01') TO ('2027-01-01');
        UPDATE users SET monthly_runs_used = 0;
    )");
    Rollup();
  }

  void Rollup() {
    const auto session = database_.Connect();
    usage::Rollup(*session, kNow);
    EXPECT_EQ(database_.Value("SELECT coalesce(string_agg(m::date || d::text, ' '), '') FROM "
                              "generate_series('2026-09-01'::date, '2026-12-01', interval '1 month') m "
                              "CROSS JOIN billing_usage_drift(m::date) d"),
              "");
  }
  std::string Usage() {
    return database_.Value(
        "SELECT coalesce(string_agg(to_char(period_start, 'MM') || ' ' || total_runs || ' ' || total_cost_usd, '; ' "
        "ORDER BY period_start), '') FROM billing_usage WHERE total_runs > 0");
  }
  std::string Used() { return database_.Value("SELECT monthly_runs_used FROM users WHERE id = '" + UserId(1) + "'"); }

  TestDatabase database_;
};

TEST_F(UsagePartitionedTest, CountsStatementsThatNameThePartition) {
  const std::string values = std::string(
                                 " (agent_id, team_id, user_id, input, status, cost_usd, created_at, "
                                 "completed_at) SELECT '") +
                             kAgentId + "', '" + kTeamId + "', '" + UserId(1) +
                             "', 'x', 'completed', 0.5, '2026-11-05', now() FROM generate_series(1, 3)";
  database_.Run("INSERT INTO agent_runs" + values);
  database_.Run("INSERT INTO agent_runs_11" + values);
  EXPECT_EQ(Used(), "6");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 2.00; 11 6 3.00");
  database_.Run("UPDATE agent_runs_11 SET cost_usd = 1");
  database_.Run("UPDATE agent_runs SET status = 'failed' WHERE created_at < '2026-11-01'");
  Rollup();
  EXPECT_EQ(Usage(), "11 6 6.00");
  database_.Run("DELETE FROM agent_runs_11");
  Rollup();
  EXPECT_EQ(Usage(), "11 6 6.00") << "what was metered stays";
}

TEST_F(UsagePartitionedTest, FollowsARunThatMovesToAnotherPartition) {
  database_.Run("UPDATE users SET monthly_runs_used = 2, quota_reset_date = NULL, created_at = '2026-10-01'");
  database_.Run("UPDATE agent_runs SET completed_at = now()");
  const std::string used = Used();
  database_.Run("UPDATE agent_runs SET created_at = '2026-12-31', cost_usd = 3");
  Rollup();
  EXPECT_EQ(Usage(), "12 2 6.00") << "a partition made after the triggers";
  EXPECT_EQ(Used(), used) << "moving a run completes none";
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_retired_runs"), "0");
}

TEST_F(UsagePartitionedTest, ForgetsARunThatMovesAndRunsAgain) {
  database_.Run("UPDATE users SET monthly_runs_used = 2, quota_reset_date = NULL, created_at = '2026-10-01'");
  database_.Run("UPDATE agent_runs SET completed_at = now()");
  const auto used = ParseInt<int>(Used());
  ASSERT_TRUE(used);
  database_.Run("UPDATE agent_runs SET created_at = '2026-11-02', status = 'running', completed_at = NULL");
  Rollup();
  EXPECT_EQ(Usage(), "") << "in neither month";
  EXPECT_EQ(ParseInt<int>(Used()), *used - 2);
  database_.Run("UPDATE agent_runs SET status = 'completed', completed_at = now(), cost_usd = 2, tokens_total = 7");
  Rollup();
  EXPECT_EQ(Usage(), "11 2 4.00");
  EXPECT_EQ(ParseInt<int>(Used()), used);
}

TEST_F(UsagePartitionedTest, RefusesTokensBelowZero) {
  EXPECT_THROW(AddRuns(database_, 1, 1, {{"tokens_total", "-1"}, {"created_at", "'2026-12-05'"}}), db::Error);
  EXPECT_THROW(database_.Run("UPDATE agent_runs SET status = 'running', tokens_total = -1"), db::Error);
}

TEST_F(UsagePartitionedTest, KeepsWhatIsTruncatedWithItsPartition) {
  database_.Run("TRUNCATE agent_runs_10");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 2.00");
  AddRuns(database_, 1, 1, {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-12-05'"}});
  database_.Run("SELECT billing_install_metering(); TRUNCATE agent_runs");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 2.00; 12 1 1.00");
}

TEST_F(UsagePartitionedTest, KeepsWhatWasRetiredBeforeItsPartitionGoes) {
  Rollup();
  EXPECT_EQ(database_.Value("SELECT billing_retire_runs_of('agent_runs_10')"), "2");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 2.00") << "counted once while the partition is there";
  database_.Run("ALTER TABLE agent_runs DETACH PARTITION agent_runs_10; DROP TABLE agent_runs_10");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RecomputeMonth(*session, billing::Month::Parse("2026-10").value(), kNow, {}), 0);
  EXPECT_EQ(Usage(), "10 2 2.00");
  EXPECT_THROW(database_.Run("SELECT billing_retire_runs_of('users')"), db::Error);
}

TEST_F(UsagePartitionedTest, TakesBackARunThatIsRestored) {
  database_.Run("CREATE TABLE kept AS TABLE agent_runs; DELETE FROM agent_runs");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 2.00");
  database_.Run("INSERT INTO agent_runs TABLE kept");
  Rollup();
  EXPECT_EQ(Usage(), "10 2 2.00");
}

}  // namespace
}  // namespace billsync::testing
