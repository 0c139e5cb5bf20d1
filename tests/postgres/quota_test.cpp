// users.monthly_runs_used, and its monthly reset.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>

#include "billsync/base/parse.h"
#include "billsync/usage/quota_reset.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

using usage::QuotaReset;

class QuotaTest : public ::testing::Test {
 protected:
  int Used(int user = 1) {
    return ParseInt<int>(database_.Value("SELECT monthly_runs_used FROM users WHERE id = '" + UserId(user) + "'"))
        .value();
  }
  std::vector<QuotaReset> Reset(const std::string& as_of) {
    const auto session = database_.Connect();
    std::vector<QuotaReset> resets;
    usage::ResetQuotas(*session, as_of,
                       [&](const auto& batch) { resets.insert(resets.end(), batch.begin(), batch.end()); });
    return resets;
  }
  std::string ResetDate(int user = 1) {
    return database_.Value("SELECT quota_reset_date FROM users WHERE id = '" + UserId(user) + "'");
  }
  // "2026-02-28 > 2026-03-31 x1": period start, next date, months.
  static std::string Shape(const std::vector<QuotaReset>& resets) {
    std::string text;
    for (const auto& r : resets) {
      text += (text.empty() ? "" : ", ") + r.period_start + " > " + r.next_reset_date + " x" + std::to_string(r.months);
    }
    return text;
  }

  TestDatabase database_;
};

TEST_F(QuotaTest, CountsARunOnceOnItsWayFromQueuedToCompleted) {
  AddUser(database_, 1);
  AddRun(database_, 1, 1, {{"status", "'queued'"}});
  database_.Run("UPDATE agent_runs SET status = 'running', started_at = now()");
  EXPECT_EQ(Used(), 0);
  database_.Run("UPDATE agent_runs SET status = 'completed', completed_at = now()");
  EXPECT_EQ(Used(), 1);
  database_.Run("UPDATE agent_runs SET output = 'done', cost_usd = 1");
  database_.Run("UPDATE agent_runs SET status = 'completed'");
  EXPECT_EQ(Used(), 1);
}

TEST_F(QuotaTest, CountsRunsInsertedAsCompletedAndNoOthers) {
  AddUser(database_, 1);
  AddRuns(database_, 1, 3, {{"status", "'completed'"}});
  AddRuns(database_, 1, 2, {{"status", "'failed'"}});
  AddRuns(database_, 1, 2, {{"status", "'cancelled'"}});
  EXPECT_EQ(Used(), 3);
  EXPECT_EQ(Used(99), 0) << "the owner of the team pays for nobody";
}

TEST_F(QuotaTest, TakesBackWhatIsCompletedNoMoreAndMovesWhatChangesItsUser) {
  AddUser(database_, 1);
  AddUser(database_, 2);
  AddRun(database_, 1, 1, {{"status", "'completed'"}});
  AddRun(database_, 2, 1, {{"status", "'completed'"}});
  database_.Run("UPDATE agent_runs SET status = 'failed' WHERE id = '" + RunId(1) + "'");
  EXPECT_EQ(Used(), 1);
  database_.Run("UPDATE agent_runs SET user_id = '" + UserId(2) + "' WHERE id = '" + RunId(2) + "'");
  EXPECT_EQ(Used(1), 0);
  EXPECT_EQ(Used(2), 1);
  database_.Run("UPDATE users SET monthly_runs_used = 0");
  database_.Run("UPDATE agent_runs SET status = 'failed'");
  EXPECT_EQ(Used(2), 0) << "never below zero";
}

TEST_F(QuotaTest, CountsARunOnceThatIsDeletedAndRestored) {
  AddUser(database_, 1);
  AddRun(database_, 1, 1, {{"status", "'completed'"}});
  database_.Run("DELETE FROM agent_runs");
  EXPECT_EQ(Used(), 1) << "it was used";
  AddRun(database_, 1, 1, {{"status", "'completed'"}});
  EXPECT_EQ(Used(), 1);
  database_.Run("DELETE FROM agent_runs");
  AddRun(database_, 1, 1, {{"status", "'running'"}});
  EXPECT_EQ(Used(), 1);
  database_.Run("UPDATE agent_runs SET status = 'completed'");
  EXPECT_EQ(Used(), 1);
}

TEST_F(QuotaTest, DoesNotCountABackDatedRun) {
  AddUser(database_, 1);
  AddRun(database_, 1, 1, {{"status", "'completed'"}, {"completed_at", "now() - interval '40 days'"}});
  AddRun(database_, 2, 1, {{"status", "'completed'"}, {"created_at", "now() - interval '40 days'"}});
  EXPECT_EQ(Used(), 0);
  AddRun(database_, 3, 1,
         {{"status", "'completed'"}, {"created_at", "now() - interval '40 days'"}, {"completed_at", "now()"}});
  EXPECT_EQ(Used(), 1) << "long under way, completed today";
}

TEST_F(QuotaTest, CountsExactlyUnderConcurrentCompletions) {
  AddUser(database_, 1);
  const auto complete = [&] {
    const auto session = database_.Connect();
    for (int i = 0; i < 25; ++i) {
      db::Transaction tx(*session);
      tx.Exec("test",
              std::string("INSERT INTO agent_runs (agent_id, team_id, user_id, input, status) VALUES ('") + kAgentId +
                  "', '" + kTeamId + "', '" + UserId(1) + "', 'x', 'completed')",
              {});
      tx.Commit();
    }
  };
  AddRuns(database_, 1, 1, {{"status", "'queued'"}});
  auto first = std::async(std::launch::async, complete);
  auto second = std::async(std::launch::async, complete);
  first.get();
  second.get();
  EXPECT_EQ(Used(), 50);
}

TEST_F(QuotaTest, ResetKeepsTheAnchorOfThe31st) {
  AddUser(database_, 1, {{"created_at", "'2026-01-31 10:00+00'"}, {"quota_reset_date", "'2026-02-28'"}});
  EXPECT_EQ(Shape(Reset("2026-02-27")), "");
  EXPECT_EQ(Shape(Reset("2026-02-28")), "2026-02-28 > 2026-03-31 x1");
  EXPECT_EQ(Shape(Reset("2026-03-30")), "");
  EXPECT_EQ(Shape(Reset("2026-03-31")), "2026-03-31 > 2026-04-30 x1");
  EXPECT_EQ(Shape(Reset("2026-04-30")), "2026-04-30 > 2026-05-31 x1");
  EXPECT_EQ(Shape(Reset("2028-02-29")), "2028-02-29 > 2028-03-31 x22");
  EXPECT_EQ(ResetDate(), "2028-03-31");
}

TEST_F(QuotaTest, ResetCatchesUpMissedMonthsInOneStep) {
  AddUser(database_, 1,
          {{"created_at", "'2026-01-15'"}, {"quota_reset_date", "'2026-02-15'"}, {"monthly_runs_used", "9"}});
  const auto resets = Reset("2026-06-20");
  EXPECT_EQ(Shape(resets), "2026-06-15 > 2026-07-15 x5");
  EXPECT_EQ(resets[0].previous_used, 9);
  EXPECT_EQ(resets[0].previous_reset_date, "2026-02-15");
  EXPECT_EQ(Used(), 0);
  EXPECT_EQ(Shape(Reset("2026-06-20")), "") << "once a period";
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_quota_resets"), "1");
}

TEST_F(QuotaTest, ResetKeepsTheRunsOfTheNewPeriodDeletedOnesIncluded) {
  AddUser(database_, 1, {{"created_at", "'2026-01-15'"}, {"quota_reset_date", "'2026-06-15'"}});
  const auto run = [&](int number, const char* at) {
    AddRun(database_, number, 1, {{"status", "'completed'"}, {"created_at", "'2026-06-01'"}, {"completed_at", at}});
  };
  run(1, "'2026-06-14 23:59:59.999999+00'");
  run(2, "'2026-06-15 00:00:00+00'");
  run(3, "'2026-06-16'");
  run(4, "'2026-06-17'");
  database_.Run("UPDATE users SET monthly_runs_used = 4");
  database_.Run("DELETE FROM agent_runs WHERE id = '" + RunId(4) + "'");
  const auto resets = Reset("2026-06-18");
  ASSERT_EQ(resets.size(), 1U);
  EXPECT_EQ(resets[0].used, 3);
  EXPECT_EQ(Used(), 3);
}

TEST_F(QuotaTest, ResetLeavesTheDeletedAloneAndMendsAMissingDate) {
  AddUser(database_, 1, {{"quota_reset_date", "'2026-06-15'"}, {"deleted_at", "now()"}});
  AddUser(database_, 2, {{"quota_reset_date", "NULL"}, {"created_at", "'2026-01-20'"}, {"monthly_runs_used", "NULL"}});
  EXPECT_EQ(Shape(Reset("2026-06-25")), "2026-06-20 > 2026-07-20 x1");
  EXPECT_EQ(ResetDate(1), "2026-06-15");
  EXPECT_EQ(Used(2), 0);
}

TEST_F(QuotaTest, TwoCallersAtOnceResetEachUserOnce) {
  for (int user = 1; user <= 30; ++user) {
    AddUser(database_, user,
            {{"created_at", "'2026-01-10'"}, {"quota_reset_date", "'2026-06-10'"}, {"monthly_runs_used", "5"}});
  }
  const auto reset = [&] { return Reset("2026-06-10").size(); };
  auto first = std::async(std::launch::async, reset);
  auto second = std::async(std::launch::async, reset);
  EXPECT_EQ(first.get() + second.get(), 30U);
  EXPECT_EQ(database_.Value("SELECT count(*) || ' ' || count(DISTINCT user_id) FROM billing_quota_resets"), "30 30");
  EXPECT_EQ(
      database_.Value("SELECT count(*) FROM users WHERE monthly_runs_used = 0 AND quota_reset_date = '2026-07-10'"),
      "30");
}

TEST_F(QuotaTest, RangesOfManyWhoAreDueAreDoneOnce) {
  for (int n = 1; n <= 8; ++n) {
    AddUser(database_, n, {{"created_at", "'2026-01-10'"}, {"quota_reset_date", "'2026-06-10'"}});
  }
  const auto reset = [&](std::initializer_list<int> bounds) {
    std::string ids;
    for (const int bound : bounds) ids += (ids.empty() ? "'" : ", '") + UserId(bound) + "'";
    return database_.Value(
        "SELECT passed || ' ' || coalesce((SELECT string_agg(ltrim(right(user_id::text, 3), '0'), ',' ORDER BY "
        "user_id) "
        "FROM unnest(resets)), '') FROM billing_reset_quota_ranges('2026-06-10', ARRAY[" +
        ids + "]::uuid[])");
  };
  EXPECT_EQ(reset({2, 4, 7}), "1 2,3");
  EXPECT_EQ(reset({2, 4, 7}), "2 4,5,6") << "another caller did the first range";
  EXPECT_EQ(reset({2, 4, 7}), "2 ");
  EXPECT_EQ(reset({7}), "0 ") << "no range at all";
  EXPECT_EQ(Reset("2026-06-10").size(), 3U) << "whom no range holds is not forgotten";
  EXPECT_EQ(database_.Value("SELECT count(*) || ' ' || count(DISTINCT user_id) FROM billing_quota_resets"), "8 8");
}

TEST_F(QuotaTest, AResetIsOnDiskWhenItIsDone) {
  AddUser(database_, 1, {{"created_at", "'2026-01-10'"}, {"quota_reset_date", "'2026-06-10'"}});
  const auto session = database_.Connect();
  std::string written;
  usage::ResetQuotas(*session, "2026-06-10",
                     [&](const auto&) { written = database_.Value("SELECT pg_current_wal_insert_lsn()"); });
  EXPECT_EQ(database_.Value("SELECT pg_current_wal_flush_lsn() >= '" + written + "'"), "t");
}

TEST_F(QuotaTest, ManyWhoAreDueAreResetOnceByCallersTogether) {
  database_.Run(R"(
      INSERT INTO users (email, full_name, created_at, quota_reset_date, monthly_runs_used)
      SELECT 'many' || n || '@example.com', 'Many ' || n, '2026-01-10', '2026-06-10', 5 FROM generate_series(1, 20000) n;
      ANALYZE users)");
  const auto reset = [&] { return Reset("2026-06-10"); };
  auto first = std::async(std::launch::async, reset);
  auto second = std::async(std::launch::async, reset);
  auto third = std::async(std::launch::async, reset);
  auto all = first.get();
  for (auto* more : {&second, &third}) {
    for (auto& one : more->get()) all.push_back(std::move(one));
  }
  EXPECT_EQ(all.size(), 20000U);
  EXPECT_TRUE(std::ranges::all_of(all, [](const QuotaReset& one) { return one.email.starts_with("many"); }));
  EXPECT_EQ(database_.Value("SELECT count(*) || ' ' || count(DISTINCT user_id) FROM billing_quota_resets"),
            "20000 20000");
  EXPECT_EQ(
      database_.Value("SELECT count(*) FROM users WHERE monthly_runs_used = 0 AND quota_reset_date = '2026-07-10'"),
      "20000");
}

TEST_F(QuotaTest, EachResetMovesTheStartOfThePeriodAndKeepsTheAnchor) {
  AddUser(database_, 1, {{"created_at", "'2026-01-10'"}, {"quota_reset_date", "'2026-06-10'"}});
  const auto start = [&] {
    return database_.Value("SELECT (billing_quota_period_start('" + UserId(1) + "') AT TIME ZONE 'UTC')::date");
  };
  Reset("2026-06-10");
  EXPECT_EQ(start(), "2026-06-10");
  Reset("2026-07-10");
  EXPECT_EQ(start(), "2026-07-10");
  database_.Run("UPDATE billing_quota_anchors SET anchor_day = 20");
  EXPECT_EQ(start(), "2026-07-10") << "the running period stays as it is";
  EXPECT_EQ(Shape(Reset("2026-08-12")), "2026-08-10 > 2026-08-20 x1");
  EXPECT_EQ(start(), "2026-08-10");
  database_.Run("UPDATE users SET quota_reset_date = '2026-07-15'");
  EXPECT_EQ(start(), "2026-07-10") << "somebody set the date back";
}

TEST_F(QuotaTest, ThePlatformsOwnFunctionResetsToday) {
  AddUser(database_, 1, {{"quota_reset_date", "(now() AT TIME ZONE 'UTC')::date"}, {"monthly_runs_used", "5"}});
  AddUser(database_, 2, {{"quota_reset_date", "(now() AT TIME ZONE 'UTC')::date + 1"}, {"monthly_runs_used", "5"}});
  database_.Run("SELECT reset_monthly_quotas()");
  EXPECT_EQ(Used(1), 0);
  EXPECT_EQ(Used(2), 5);
  EXPECT_EQ(
      database_.Value("SELECT count(*) FROM users WHERE id = '" + UserId(1) + "' AND quota_reset_date > current_date"),
      "1");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::ResetQuotas(*session, std::nullopt, [](const auto&) {}), 0);
}

TEST_F(QuotaTest, ADryRunSaysWhatTheResetThenDoesAndChangesNothing) {
  AddUser(database_, 1,
          {{"created_at", "'2025-12-31'"}, {"quota_reset_date", "'2026-02-28'"}, {"monthly_runs_used", "7"}});
  AddUser(database_, 2,
          {{"created_at", "'2026-01-05'"}, {"quota_reset_date", "'2026-06-05'"}, {"monthly_runs_used", "2"}});
  AddUser(database_, 3, {{"created_at", "'2026-01-05'"}, {"quota_reset_date", "'2026-07-05'"}});
  AddRun(database_, 1, 2, {{"status", "'completed'"}, {"completed_at", "'2026-06-06'"}});
  const auto session = database_.Connect();
  const auto due = usage::QuotasDue(*session, "2026-06-10");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_quota_resets"), "0");
  EXPECT_EQ(ResetDate(1), "2026-02-28");
  const auto done = Reset("2026-06-10");
  ASSERT_EQ(due.size(), 2U);
  ASSERT_EQ(done.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(due[i].user_id, done[i].user_id);
    EXPECT_EQ(due[i].email, done[i].email);
    EXPECT_EQ(due[i].previous_used, done[i].previous_used);
    EXPECT_EQ(due[i].used, done[i].used);
    EXPECT_EQ(due[i].previous_reset_date, done[i].previous_reset_date);
  }
  EXPECT_EQ(Shape(due), Shape(done));
  EXPECT_EQ(Shape(due), "2026-05-31 > 2026-06-30 x4, 2026-06-05 > 2026-07-05 x1");
  EXPECT_EQ(done[1].used, 1);
}

}  // namespace
}  // namespace billsync::testing
