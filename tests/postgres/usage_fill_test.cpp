// History from before changes of runs were counted: taken in while the platform works.
#include <gtest/gtest.h>

#include "billsync/db/migrator.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();

// A platform with four months of history and a hole among them, on which billsync was just installed.
class UsageFillTest : public ::testing::Test {
 protected:
  UsageFillTest() {
    database_.Run(ReadSource("fixtures/platform/as-found.sql"));
    for (int user : {1, 2}) AddUser(database_, user);
    for (const char* month : {"2026-05", "2026-08", "2026-09", "2026-10"}) {
      const Columns run = {{"status", "'completed'"},
                           {"cost_usd", "0.5"},
                           {"tokens_total", "10"},
                           {"created_at", std::string("'") + month + "-15 12:00+00'"}};
      AddRuns(database_, 1, 4, run);
      AddRuns(database_, 2, 2, run);
    }
    AddRun(database_, 1, 1, {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-05-01'"}});
    AddRun(database_, 2, 1, {{"status", "'running'"}, {"created_at", "'2026-08-01'"}});
    Migrate();
  }

  void Migrate() {
    const auto session = database_.Connect();
    db::Migrate(*session, [](const std::string&) {});
  }
  std::string Fill() {
    const auto session = database_.Connect();
    const auto month = usage::FillNextMonth(*session, kNow);
    return month ? month->Text() : "done";
  }
  int64_t Rollup() {
    const auto session = database_.Connect();
    return usage::Rollup(*session, kNow);
  }
  std::string Drift() {
    return database_.Value(
        "SELECT coalesce(string_agg(m::date || d::text, ' '), '') FROM generate_series('2026-01-01'::date, "
        "'2027-12-01', interval '1 month') m CROSS JOIN billing_usage_drift(m::date) d");
  }
  std::string Usage() {
    return database_.Value(
        "SELECT coalesce(string_agg(to_char(period_start, 'MM') || ' ' || right(user_id::text, 1) || ' ' || total_runs "
        "|| ' ' || total_cost_usd, '; ' ORDER BY period_start, user_id), '') FROM billing_usage");
  }

  TestDatabase database_{TestDatabase::Contents::kEmpty};
};

TEST_F(UsageFillTest, TakesInMonthByMonthFromTheNewest) {
  for (const char* month : {"2026-10", "2026-09", "2026-08"}) EXPECT_EQ(Fill(), month);
  EXPECT_EQ(Usage(), "08 1 4 2.00; 08 2 2 1.00; 09 1 4 2.00; 09 2 2 1.00; 10 1 4 2.00; 10 2 2 1.00");
  EXPECT_EQ(Fill(), "2026-05");
  EXPECT_EQ(Fill(), "done");
  EXPECT_EQ(Fill(), "done");
  EXPECT_EQ(Drift(), "");
  EXPECT_EQ(Usage(),
            "05 1 5 3.00; 05 2 2 1.00; 08 1 4 2.00; 08 2 2 1.00; 09 1 4 2.00; 09 2 2 1.00; "
            "10 1 4 2.00; 10 2 2 1.00");
}

TEST_F(UsageFillTest, SaysHowManyMonthsThereAreAndResumes) {
  const auto session = database_.Connect();
  EXPECT_EQ(Fill(), "2026-10");
  std::string said;
  const auto note = [&](std::string_view what, int64_t done, int64_t total) {
    EXPECT_EQ(what, "months of history");
    said += std::to_string(done) + "/" + std::to_string(total) + " ";
  };
  EXPECT_EQ(usage::FillHistory(
                *session, [] { return kNow; }, note),
            3);
  EXPECT_EQ(said, "1/4 2/4 3/4 4/4 ");
  EXPECT_TRUE(usage::FirstFill(*session).done);
  EXPECT_EQ(usage::FillHistory(
                *session, [] { return kNow; }, note),
            0);
}

// What changes between the steps is neither lost nor counted twice, and no half month is published.
TEST_F(UsageFillTest, LetsThePlatformWorkMeanwhile) {
  database_.Run("INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_cost_usd) VALUES ('" +
                UserId(1) + "', '2026-05-01', '2026-06-01', 500, 75.00)");
  AddRuns(database_, 1, 1, {{"status", "'completed'"}, {"cost_usd", "1"}, {"created_at", "'2026-10-20'"}});
  database_.Run("UPDATE agent_runs SET cost_usd = 9 WHERE id = '" + RunId(1) + "'");  // of May
  EXPECT_EQ(Rollup(), 0) << "nothing is filled yet, so nothing is published";
  EXPECT_EQ(Fill(), "2026-10");
  EXPECT_EQ(Usage(), "05 1 500 75.00; 10 1 5 3.00; 10 2 2 1.00");
  database_.Run("UPDATE agent_runs SET created_at = '2026-10-01' WHERE id = '" + RunId(1) + "'");  // May to October
  database_.Run("UPDATE agent_runs SET status = 'completed', cost_usd = 2 WHERE id = '" + RunId(2) + "'");
  database_.Run("DELETE FROM agent_runs WHERE user_id = '" + UserId(2) + "' AND created_at < '2026-09-01'");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Usage(), "05 1 500 75.00; 10 1 6 12.00; 10 2 2 1.00");
  while (Fill() != "done") EXPECT_EQ(Drift().find("2026-1"), std::string::npos);
  EXPECT_EQ(Drift(), "");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_usage_deltas"), "0");
  EXPECT_EQ(Usage(),
            "05 1 500 75.00; 05 2 2 1.00; 08 1 5 4.00; 08 2 2 1.00; 09 1 4 2.00; 09 2 2 1.00; "
            "10 1 6 12.00; 10 2 2 1.00")
      << "the platform's own row of May is kept";
}

TEST_F(UsageFillTest, RecomputesAMonthThatItHasNotReached) {
  const auto session = database_.Connect();
  const auto may = billing::Month::Parse("2026-05").value();
  EXPECT_EQ(usage::RecomputeMonth(*session, may, kNow, {.allow_decrease = true}), 2);
  EXPECT_EQ(Usage(), "05 1 5 3.00; 05 2 2 1.00");
  while (Fill() != "done") continue;
  EXPECT_EQ(Drift(), "");
}

TEST_F(UsageFillTest, GivesUndatedRunsOfTheHistoryTheCurrentMonth) {
  database_.Run("ALTER TABLE agent_runs DISABLE TRIGGER USER");
  AddRuns(database_, 1, 2, {{"status", "'failed'"}, {"created_at", "NULL"}, {"cost_usd", "0.25"}});
  database_.Run("ALTER TABLE agent_runs ENABLE TRIGGER USER");
  while (Fill() != "done") continue;
  EXPECT_EQ(database_.Value("SELECT failed_runs || ' ' || total_cost_usd FROM billing_usage WHERE failed_runs > 0 AND "
                            "period_start = date_trunc('month', now() AT TIME ZONE 'UTC')::date"),
            "2 0.50");
}

// Deleted and restored before anybody watched: a row of both kinds.
TEST_F(UsageFillTest, CountsARunOnceThatHadComeBackBefore) {
  database_.Run(
      "INSERT INTO billing_retired_runs (run_id, user_id, created_at, status, cost_usd, retired_at) SELECT id, "
      "user_id, created_at, status, 77, '2020-01-01' FROM agent_runs WHERE id = '" +
      RunId(1) + "'");
  while (Fill() != "done") continue;
  EXPECT_EQ(Drift(), "");
  database_.Run("UPDATE agent_runs SET status = 'running' WHERE id = '" + RunId(1) + "'");
  Rollup();
  EXPECT_EQ(Drift(), "");
  EXPECT_EQ(Usage().substr(0, 11), "05 1 4 2.00");
}

TEST_F(UsageFillTest, HasNothingToDoOnANewDatabase) {
  TestDatabase fresh;
  const auto session = fresh.Connect();
  EXPECT_TRUE(usage::FirstFill(*session).done);
  EXPECT_FALSE(usage::FillNextMonth(*session, kNow));
}

}  // namespace
}  // namespace billsync::testing
