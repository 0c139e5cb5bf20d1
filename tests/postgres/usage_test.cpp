// Agent runs into billing_usage, to the last digit.
#include <gtest/gtest.h>

#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

using usage::ForeignRows;

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();

class UsageTest : public ::testing::Test {
 protected:
  UsageTest() { AddUser(database_, 1); }

  // What changed is drained; then every month must agree with its recomputation, and nothing be left to write.
  int64_t Rollup() {
    const auto session = database_.Connect();
    const int64_t changed = usage::Rollup(*session, kNow);
    EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_usage_deltas"), "0");
    for (const auto& month : usage::MonthsOfUsage(*session)) {
      EXPECT_EQ(Drift(month.Text()), "") << month.Text();
      EXPECT_EQ(usage::RecomputeMonth(*session, month, kNow, {}), 0) << month.Text();
    }
    EXPECT_EQ(usage::Rollup(*session, kNow), 0);
    return changed;
  }
  std::string Drift(const std::string& month) {
    return database_.Value("SELECT coalesce(string_agg(d::text, ' '), '') FROM billing_usage_drift('" + month +
                           "-01') d");
  }
  std::string Months() {
    const auto session = database_.Connect();
    std::string text;
    for (const auto& month : usage::MonthsOfUsage(*session)) text += (text.empty() ? "" : " ") + month.Text();
    return text;
  }
  // Runs of user 1 in October, completed unless told otherwise.
  void Runs(int count, Columns columns) {
    columns.emplace("status", "'completed'");
    columns.emplace("created_at", "'2026-10-15 12:00+00'");
    AddRuns(database_, 1, count, columns);
  }
  std::string Usage(const std::string& expression, const std::string& month = "2026-10", int user = 1) {
    return database_.Value("SELECT " + expression + " FROM billing_usage WHERE user_id = '" + UserId(user) +
                           "' AND period_start = '" + month + "-01'");
  }

  TestDatabase database_;
};

TEST_F(UsageTest, TwoHundredRunsOfOneAndAQuarterCentMakeTwoDollarsFifty) {
  Runs(200, {{"cost_usd", "0.0125"}, {"model_used", "'gpt-4o'"}, {"tokens_total", "100"}});
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd || ' ' || total_cost_exact_usd || ' ' || total_tokens"),
            "200 2.50 2.5000 20000");
  EXPECT_EQ(Usage("period_start || ' ' || period_end"), "2026-10-01 2026-11-01");
}

TEST_F(UsageTest, SumsExactlyWhereFloatingPointWouldNot) {
  Runs(1, {{"cost_usd", "99999.9999"}});
  Runs(1000, {{"cost_usd", "0.0001"}});
  Runs(3, {{"cost_usd", "0.1"}});
  Rollup();
  EXPECT_EQ(Usage("total_cost_exact_usd"), "100000.3999");
  EXPECT_EQ(Usage("total_cost_usd"), "100000.40");
}

TEST_F(UsageTest, RoundsOnceAtTheTotalHalfAwayFromZero) {
  for (const char* model : {"'a'", "'b'", "'c'"}) Runs(1, {{"cost_usd", "0.0050"}, {"model_used", model}});
  Rollup();
  EXPECT_EQ(Usage("total_cost_usd"), "0.02") << "0.015, and not three times 0.01";
}

TEST_F(UsageTest, CountsFailedCancelledAndUnpricedApart) {
  Runs(3, {{"cost_usd", "1"}, {"tokens_total", "10"}});
  Runs(2, {{"status", "'failed'"}, {"cost_usd", "0.5"}, {"tokens_total", "5"}});
  Runs(1, {{"status", "'cancelled'"}, {"cost_usd", "0.25"}, {"tokens_total", "1"}});
  Runs(1, {{"cost_usd", "NULL"}, {"tokens_prompt", "7"}, {"tokens_completion", "2"}});
  Runs(4, {{"status", "'queued'"}, {"cost_usd", "100"}});
  Runs(4, {{"status", "'running'"}, {"cost_usd", "100"}});
  Rollup();
  EXPECT_EQ(Usage("total_runs || ' ' || failed_runs || ' ' || cancelled_runs || ' ' || unpriced_runs"), "4 2 1 1");
  EXPECT_EQ(Usage("total_cost_usd || ' ' || total_tokens"), "4.25 50") << "the money is spent however it ended";
}

TEST_F(UsageTest, BreaksTheCostDownByModelWithExactDecimals) {
  Runs(3, {{"cost_usd", "0.1"}, {"model_used", "'gpt-4o'"}});
  Runs(1, {{"cost_usd", "0.0001"}});
  Runs(1, {{"cost_usd", "0.0002"}, {"model_used", "'unknown'"}});
  Runs(1, {{"model_used", "'llama \"3\"'"}});
  Rollup();
  EXPECT_EQ(Usage("cost_breakdown::text"), R"({"gpt-4o": 0.3000, "unknown": 0.0003, "llama \"3\"": 0.0000})");
}

TEST_F(UsageTest, DividesMonthsAtMidnightUtcWhateverTheTimeZoneOfTheSession) {
  for (const char* at : {"'2026-09-30 23:59:59.999999+00'", "'2026-10-01 00:00:00+00'",
                         "'2026-10-31 23:59:59.999999+00'", "'2026-11-01 00:00:00+00'"}) {
    Runs(1, {{"created_at", at}, {"cost_usd", "1"}});
  }
  for (const char* zone : {"America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"}) {
    database_.Run(std::string("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''") + zone +
                  "''', current_database()); END $$");
    database_.Run("DELETE FROM billing_usage; DELETE FROM billing_usage_by_model");
    const auto session = database_.Connect();
    for (const char* month : {"2026-09", "2026-10", "2026-11"}) {
      EXPECT_EQ(usage::RecomputeMonth(*session, billing::Month::Parse(month).value(), kNow, {}), 1) << zone;
    }
    EXPECT_EQ(database_.Value("SELECT string_agg(period_start || '/' || period_end || ' ' || total_runs, ', ' ORDER BY "
                              "period_start) FROM billing_usage"),
              "2026-09-01/2026-10-01 1, 2026-10-01/2026-11-01 2, 2026-11-01/2026-12-01 1")
        << zone;
    EXPECT_EQ(Months(), "2026-09 2026-10 2026-11") << zone;
    database_.Run("UPDATE agent_runs SET cost_usd = cost_usd + 1");
    EXPECT_EQ(Rollup(), 3) << zone;
  }
}

TEST_F(UsageTest, CountsTokensBeyondThirtyOneBits) {
  Runs(3, {{"tokens_total", "2000000000"}});
  Runs(1, {{"tokens_prompt", "2000000000"}, {"tokens_completion", "2000000000"}});
  Rollup();
  EXPECT_EQ(Usage("total_tokens"), "10000000000");
}

TEST_F(UsageTest, ChangesNothingTheSecondTimeAndOnlyWhatIsNewAfterwards) {
  AddUser(database_, 2);
  Runs(3, {{"cost_usd", "1"}});
  AddRuns(database_, 2, 2, {{"status", "'completed'"}, {"created_at", "'2026-10-02'"}});
  EXPECT_EQ(Rollup(), 2);
  const std::string version = "SELECT string_agg(xmin::text || updated_at, ',' ORDER BY user_id) FROM billing_usage";
  const std::string before = database_.Value(version);
  EXPECT_EQ(Rollup(), 0);
  EXPECT_EQ(database_.Value(version), before);
  Runs(1, {{"cost_usd", "1"}});
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_runs"), "4");
}

TEST_F(UsageTest, FollowsACorrectedCostAndARunThatLeavesATerminalStatus) {
  AddRun(database_, 1, 1, {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-10-02'"}});
  Rollup();
  database_.Run("UPDATE agent_runs SET cost_usd = 2");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_cost_usd"), "2.00");
  database_.Run("UPDATE agent_runs SET status = 'running'");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd || ' ' || total_tokens || ' ' || cost_breakdown"),
            "0 0.00 0 {}");
  EXPECT_EQ(Rollup(), 0);
}

TEST_F(UsageTest, MovesARunWhoseUserChanges) {
  AddUser(database_, 2);
  AddRun(database_, 1, 1, {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-10-02'"}});
  Rollup();
  database_.Run("UPDATE agent_runs SET user_id = '" + UserId(2) + "'");
  EXPECT_EQ(Rollup(), 2);
  EXPECT_EQ(Usage("total_runs", "2026-10", 1) + Usage("total_runs", "2026-10", 2), "01");
}

TEST_F(UsageTest, PlacesARunWithoutCreationTimeByWhenItEndedOrStarted) {
  Runs(1, {{"created_at", "NULL"}, {"completed_at", "'2026-10-31 23:00+00'"}, {"started_at", "'2026-09-01'"}});
  Runs(1, {{"created_at", "NULL"}, {"started_at", "'2026-10-01 00:00+00'"}});
  Rollup();
  EXPECT_EQ(Usage("total_runs"), "2");
  EXPECT_EQ(Months(), "2026-10");
}

TEST_F(UsageTest, KeepsWhatWasDeletedWithItsRunAgentOrTeam) {
  for (const char* deletion :
       {"DELETE FROM agent_runs", "DELETE FROM agents", "DELETE FROM teams", "TRUNCATE agent_runs CASCADE"}) {
    Runs(2, {{"cost_usd", "0.5"}, {"model_used", "'m'"}, {"tokens_total", "3"}});
    Runs(2, {{"status", "'running'"}, {"cost_usd", "0.5"}});
    database_.Run(deletion);
    EXPECT_EQ(Rollup(), 1) << "deleted before it was metered: " << deletion;
    EXPECT_EQ(Usage("total_runs || ' ' || total_cost_exact_usd || ' ' || total_tokens || ' ' || cost_breakdown"),
              "2 1.0000 6 {\"m\": 1.0000}")
        << deletion;
    EXPECT_EQ(Rollup(), 0);
    EXPECT_EQ(Months(), "2026-10");
    database_.Run(
        "DELETE FROM teams; DELETE FROM billing_retired_runs; DELETE FROM billing_usage_by_model; "
        "DELETE FROM billing_usage; DELETE FROM users WHERE id = '" +
        UserId(99) + "'");
  }
}

TEST_F(UsageTest, KeepsADeletedRunInTheMonthItStoodIn) {
  AddRun(database_, 1, 1, {{"status", "'completed'"}, {"created_at", "NULL"}, {"completed_at", "'2026-10-05'"}});
  AddRun(database_, 2, 1, {{"status", "'failed'"}, {"created_at", "NULL"}, {"started_at", "'2026-10-06'"}});
  Rollup();
  EXPECT_EQ(Usage("total_runs + failed_runs"), "2");
  database_.Run("DELETE FROM agent_runs");
  EXPECT_EQ(Rollup(), 0) << "deleting erases nothing";
  EXPECT_EQ(Usage("total_runs + failed_runs"), "2");
  database_.Run("DELETE FROM billing_usage; DELETE FROM billing_usage_by_model");
  EXPECT_EQ(Months(), "2026-10") << "a recomputation of every month finds it again";
}

TEST_F(UsageTest, CountsARestoredRunOnce) {
  const Columns run = {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-10-02'"}};
  AddRun(database_, 1, 1, run);
  Rollup();
  database_.Run("DELETE FROM agent_runs");
  EXPECT_EQ(Rollup(), 0);
  AddRun(database_, 1, 1, run);
  EXPECT_EQ(Rollup(), 0);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd"), "1 1.00");
  database_.Run("UPDATE agent_runs SET cost_usd = 3; DELETE FROM agent_runs");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd"), "1 3.00") << "it counts as it was last";
}

// A team's owner may be deleted with the team and its runs before anybody metered them.
TEST_F(UsageTest, OfADeletedUserDoesNotStopTheRollupOfTheOthers) {
  Runs(1, {{"cost_usd", "1"}});
  AddRuns(database_, 99, 2, {{"status", "'completed'"}, {"created_at", "'2026-10-02'"}});
  database_.Run(
      "ALTER TABLE users DISABLE TRIGGER billing_keep_metered_user; DELETE FROM teams; DELETE FROM users WHERE id = '" +
      UserId(99) + "'");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_cost_usd"), "1.00");
}

// The platform filled billing_usage itself before, and may have purged the runs behind it.
TEST_F(UsageTest, LeavesAnOldRowOfThePlatformAloneUntilToldToTakeItOver) {
  const auto session = database_.Connect();
  const auto may = billing::Month::Parse("2026-05").value();
  database_.Run("INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_cost_usd) VALUES ('" +
                UserId(1) + "', '2026-05-01', '2026-06-01', 500, 75.00)");
  Runs(1, {{"cost_usd", "1"}, {"created_at", "'2026-05-05'"}});
  EXPECT_EQ(Rollup(), 0);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd", "2026-05"), "500 75.00");
  EXPECT_EQ(usage::RecomputeMonth(*session, may, kNow, {.foreign = ForeignRows::kTakeOver, .allow_decrease = true}), 1);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd", "2026-05"), "1 1.00");
  Runs(1, {{"cost_usd", "1"}, {"created_at", "'2026-05-05'"}});
  EXPECT_EQ(Rollup(), 1) << "it is ours now";
}

TEST_F(UsageTest, PutsRightARowThatTellsNothingOfWhoWroteIt) {
  Runs(1, {{"cost_usd", "1"}});
  Rollup();
  database_.Run(
      "UPDATE billing_usage SET total_cost_usd = 99; ALTER TABLE billing_usage DISABLE TRIGGER "
      "billing_usage_updated_at; "
      "UPDATE billing_usage SET updated_at = rolled_up_at");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RestoreOpenMonths(*session, kNow, usage::Restored::kTouched), 0);
  EXPECT_EQ(usage::RestoreOpenMonths(*session, kNow), 1);
  EXPECT_EQ(Usage("total_cost_usd"), "1.00");
}

TEST_F(UsageTest, PutsBackARowThatIsMissing) {
  Runs(1, {{"cost_usd", "1"}});
  Rollup();
  database_.Run("DELETE FROM billing_usage");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RestoreOpenMonths(*session, kNow, usage::Restored::kTouched), 1);
  EXPECT_EQ(Usage("total_cost_usd"), "1.00");
}

TEST_F(UsageTest, TakesOverWhatOthersWroteInTheTwoOpenMonths) {
  Runs(1, {{"cost_usd", "1"}});
  Rollup();
  database_.Run(
      "UPDATE billing_usage SET total_cost_usd = 99; INSERT INTO billing_usage (user_id, period_start, "
      "period_end, total_runs, total_cost_usd) VALUES ('" +
      UserId(1) + "', '2026-11-01', '2026-12-01', 500, 75.00)");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RestoreOpenMonths(*session, kNow, usage::Restored::kTouched), 2);
  EXPECT_EQ(Usage("total_cost_usd"), "1.00");
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd || ' ' || cost_breakdown", "2026-11"), "0 0.00 {}");
}

// Runs outside of 1970 to 9998 are a mistake of the platform's; they disturb nobody.
TEST_F(UsageTest, MetersARunOfAnAbsurdMomentInNoMonthUntilItIsCorrected) {
  for (const char* at : {"'0001-01-01'", "'infinity'", "'-infinity'", "'10000-01-01'", "'4714-11-24 00:00+00 BC'"}) {
    Runs(1, {{"created_at", at}, {"cost_usd", "1"}});
  }
  EXPECT_EQ(Rollup(), 0);
  EXPECT_EQ(Months(), "");
  database_.Run("UPDATE agent_runs SET created_at = '2026-10-01'");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd"), "5 5.00");
  database_.Run("UPDATE agent_runs SET created_at = 'infinity'");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage("total_runs || ' ' || total_cost_usd"), "0 0.00");
}

TEST_F(UsageTest, FindsMonthsThatLieFarApart) {
  for (const char* at : {"'1970-01-01 00:00+00'", "'2026-10-05'", "'9998-12-31 23:59:59+00'"}) {
    Runs(1, {{"created_at", at}});
  }
  EXPECT_EQ(Months(), "1970-01 2026-10 9998-12");
  EXPECT_EQ(Rollup(), 3);
}

}  // namespace
}  // namespace billsync::testing
