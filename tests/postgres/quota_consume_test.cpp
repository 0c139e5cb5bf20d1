// Asking for a run without a race, and the calendar of the quota.
#include <gtest/gtest.h>

#include <future>
#include <map>

#include "billsync/usage/quota_reset.h"
#include "platform_rows.h"
#include "support/login_role.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

class QuotaConsumeTest : public ::testing::Test {
 protected:
  std::string Try(int user = 1) { return database_.Value("SELECT try_consume_run('" + UserId(user) + "')"); }
  std::string Decision(int user = 1) {
    const auto session = database_.Connect();
    const auto found = usage::FindEntitlement(*session, UserId(user), SystemNow());
    return found ? std::string(usage::Name(found->Decide())) + " " + std::to_string(found->used) + "+" +
                       std::to_string(found->reserved)
                 : "none";
  }
  std::string Reserved() { return database_.Value("SELECT count(*) FROM billing_run_reservations"); }

  TestDatabase database_;
};

TEST_F(QuotaConsumeTest, AllowsThenWarnsAtFourFifthsThenDenies) {
  AddUser(database_, 1, {{"monthly_runs_quota", "10"}});
  for (int run = 1; run <= 7; ++run) EXPECT_EQ(Try(), "allow") << run;
  EXPECT_EQ(Decision(), "warn 0+7") << "the next one makes 80 %";
  for (int run = 8; run <= 10; ++run) EXPECT_EQ(Try(), "warn") << run;
  EXPECT_EQ(Decision(), "deny 0+10");
  EXPECT_EQ(Try(), "deny");
  EXPECT_EQ(Reserved(), "10") << "what is denied takes nothing";
}

TEST_F(QuotaConsumeTest, AHundredCallersAtOnceGetWhatIsLeftAndNoMore) {
  AddUser(database_, 1, {{"monthly_runs_quota", "100"}, {"monthly_runs_used", "63"}});
  constexpr int kThreads = 20;
  const auto ask = [&] {
    std::map<std::string, int> answers;
    const auto session = database_.Connect();
    for (int i = 0; i < 5; ++i) {
      db::Transaction tx(*session);
      ++answers[tx.Exec("test", "SELECT try_consume_run('" + UserId(1) + "') AS answer", {}).Only().Text("answer")];
      tx.Commit();
    }
    return answers;
  };
  std::vector<std::future<std::map<std::string, int>>> callers;
  for (int i = 0; i < kThreads; ++i) callers.push_back(std::async(std::launch::async, ask));
  std::map<std::string, int> all;
  for (auto& caller : callers) {
    for (const auto& [answer, count] : caller.get()) all[answer] += count;
  }
  EXPECT_EQ(all["allow"], 79 - 63);
  EXPECT_EQ(all["warn"], 100 - 79);
  EXPECT_EQ(all["deny"], 100 - 37);
}

// A run may wait in a queue long before a worker asks for it.
TEST_F(QuotaConsumeTest, IsFreedByTheEndOfARunThatWasCreatedLongBefore) {
  AddUser(database_, 1, {{"monthly_runs_quota", "2"}});
  AddRun(database_, 1, 1, {{"created_at", "now() - interval '2 hours'"}});
  EXPECT_EQ(Try(), "allow");
  database_.Run("UPDATE agent_runs SET status = 'completed', completed_at = now()");
  EXPECT_EQ(Reserved(), "0");
  EXPECT_EQ(Try(), "warn");
  AddRun(database_, 2, 1, {{"status", "'completed'"}, {"completed_at", "now() - interval '1 hour'"}});
  EXPECT_EQ(Reserved(), "1") << "an import of a run from before";
}

// A run that is ending holds the reservation it frees and then waits for the user's row, which the asker holds.
TEST_F(QuotaConsumeTest, LeavesAnExpiredReservationToTheRunThatIsFreeingIt) {
  AddUser(database_, 1, {{"monthly_runs_quota", "9"}});
  AddRun(database_, 1, 1);
  EXPECT_EQ(Try(), "allow");
  database_.Run("UPDATE billing_run_reservations SET reserved_at = now() - interval '2 hours', expires_at = now()");
  const auto session = database_.Connect();
  db::Transaction ending(*session);
  ending.ExecScript("test", "UPDATE agent_runs SET status = 'failed', completed_at = now()");
  EXPECT_EQ(Try(), "allow");
  ending.Commit();
  EXPECT_EQ(Reserved(), "1");
}

TEST_F(QuotaConsumeTest, ARunThatEndsFreesWhatWasTakenForItAndCountsIfItCompleted) {
  AddUser(database_, 1, {{"monthly_runs_quota", "2"}});
  EXPECT_EQ(Try(), "allow");
  EXPECT_EQ(Try(), "warn");
  AddRun(database_, 1, 1);
  AddRun(database_, 2, 1);
  EXPECT_EQ(Try(), "deny");
  database_.Run("UPDATE agent_runs SET status = 'running'");
  EXPECT_EQ(Decision(), "deny 0+2");
  database_.Run("UPDATE agent_runs SET status = 'failed' WHERE id = '" + RunId(1) + "'");
  EXPECT_EQ(Decision(), "warn 0+1") << "a failed run uses no quota";
  database_.Run("UPDATE agent_runs SET status = 'completed', completed_at = now() WHERE id = '" + RunId(2) + "'");
  EXPECT_EQ(Decision(), "warn 1+0");
  EXPECT_EQ(Try(), "warn");
  EXPECT_EQ(Try(), "deny");
  AddRun(database_, 3, 1, {{"status", "'completed'"}, {"created_at", "now() - interval '1 day'"}});
  EXPECT_EQ(Reserved(), "1") << "a run from before frees nothing";
}

TEST_F(QuotaConsumeTest, ARunThatRunsAgainHoldsAgainWhatItsEndFreed) {
  AddUser(database_, 1, {{"monthly_runs_quota", "10"}});
  Try();
  Try();
  AddRun(database_, 1, 1, {{"status", "'running'"}});
  for (int end = 1; end <= 2; ++end) {
    database_.Run("UPDATE agent_runs SET status = 'completed', completed_at = now(), cost_usd = 1, tokens_total = 1");
    EXPECT_EQ(Decision(), "allow 1+1") << "however often it ends";
    database_.Run("UPDATE agent_runs SET status = 'running', completed_at = NULL");
    EXPECT_EQ(Decision(), "allow 0+2");
  }
}

TEST_F(QuotaConsumeTest, WhatNobodyStartedIsFreeAgainAfterAWhile) {
  AddUser(database_, 1, {{"monthly_runs_quota", "1"}});
  EXPECT_EQ(Try(), "warn");
  EXPECT_EQ(Try(), "deny");
  database_.Run("UPDATE billing_run_reservations SET reserved_at = now() - interval '2 hours', expires_at = now()");
  EXPECT_EQ(Try(), "warn");
  EXPECT_EQ(Reserved(), "1");
}

TEST_F(QuotaConsumeTest, StartsANewPeriodThatTheResetHasNotReachedYet) {
  AddUser(database_, 1,
          {{"monthly_runs_quota", "5"},
           {"monthly_runs_used", "5"},
           {"created_at", "now() - interval '2 months'"},
           {"quota_reset_date", "(now() AT TIME ZONE 'UTC')::date"}});
  EXPECT_EQ(Decision(), "allow 0+0");
  EXPECT_EQ(Try(), "allow");
  EXPECT_EQ(database_.Value("SELECT previous_used || ' ' || used FROM billing_quota_resets"), "5 0");
}

TEST_F(QuotaConsumeTest, LetsNobodyUnknownOrDeletedStartAndLimitsNobodyWithoutAQuota) {
  EXPECT_EQ(Try(), "deny");
  AddUser(database_, 1, {{"deleted_at", "now()"}});
  AddUser(database_, 2, {{"monthly_runs_quota", "NULL"}});
  AddUser(database_, 3, {{"monthly_runs_quota", "0"}});
  EXPECT_EQ(Try(1) + Try(2) + Try(3), "denyallowdeny");
  EXPECT_EQ(Decision(1) + " " + Decision(2) + " " + Decision(3), "none allow 0+1 deny 0+0");
}

TEST_F(QuotaConsumeTest, IsNotForThePlatformsUsers) {
  AddUser(database_, 1);
  GrantRoles(database_);
  const auto may = [&](const std::string& role) {
    return database_.Value("SELECT has_function_privilege('" + role +
                           "', 'try_consume_run(uuid, interval)', 'EXECUTE')");
  };
  EXPECT_EQ(may("authenticated"), "f");
  EXPECT_EQ(may("billsync_service"), "t");
}

// Every anchor day over 48 months, leap year included: every day lies in exactly one period, which begins on the anchor
// day or at the end of a month that is too short for it.
TEST(QuotaCalendar, PeriodsOfEveryAnchorTileFourYears) {
  TestDatabase database;
  EXPECT_EQ(database.Value(R"(
      WITH days AS (
          SELECT anchor, d::date AS day, billing_anchor_on_or_before(anchor, d::date) AS starts,
                 billing_anchor_after(anchor, d::date) AS ends
          FROM generate_series(1, 31) anchor,
               generate_series('2025-01-01'::date, '2029-01-01', interval '1 day') d
      )
      SELECT count(*) || ' ' || count(*) FILTER (
          WHERE starts > day OR ends <= day OR ends - starts NOT BETWEEN 28 AND 31
             OR billing_anchor_on_or_before(anchor, ends) <> ends
             OR billing_anchor_on_or_before(anchor, ends - 1) <> starts
             OR billing_anchor_after(anchor, starts) <> ends OR billing_anchor_after(anchor, starts - 1) <> starts
             OR extract(day FROM starts) <> least(anchor, extract(day FROM date_trunc('month', starts)
                                                                           + interval '1 month - 1 day')))
      FROM days)"),
            "45322 0");
}

// The same through real resets: one user an anchor, reset at odd intervals, some of them longer than two months.
TEST(QuotaCalendar, ResetsOfEveryAnchorTileWhateverMomentsTheyComeAt) {
  TestDatabase database;
  for (int anchor = 1; anchor <= 31; ++anchor) {
    AddUser(database, anchor,
            {{"created_at", "'2025-01-" + std::to_string(anchor) + " 12:00+00'"},
             {"quota_reset_date", "billing_anchor_date(" + std::to_string(anchor) + ", '2025-02-01')"}});
  }
  const auto session = database.Connect();
  int day = 0, step = 1;
  for (; day < 4 * 365; day += step) {
    const std::string as_of = database.Value("SELECT '2025-02-01'::date + " + std::to_string(day));
    usage::ResetQuotas(*session, as_of, [](const auto&) {});
    step = step % 71 + 9;
  }
  EXPECT_EQ(database.Value(R"(
      WITH resets AS (
          SELECT r.user_id, r.period_start, r.next_reset_date, r.months, right(r.user_id::text, 2)::int AS anchor,
                 lag(r.next_reset_date) OVER (PARTITION BY r.user_id ORDER BY r.period_start) AS due
          FROM billing_quota_resets r
      )
      SELECT (count(*) > 31 * 20) || ' ' || (max(months) > 1) || ' ' || count(*) FILTER (
          WHERE period_start <> billing_anchor_on_or_before(anchor, period_start)
             OR next_reset_date <> billing_anchor_after(anchor, period_start)
             -- From the day it was due to the one it came for, as many periods as it says.
             OR (due IS NOT NULL AND months <> 1 + (extract(year FROM period_start) - extract(year FROM due)) * 12
                                             + extract(month FROM period_start) - extract(month FROM due)))
      FROM resets)"),
            "true true 0");
}

}  // namespace
}  // namespace billsync::testing
