// A closed month is closed.
#include <algorithm>
#include <future>

#include "billsync/usage/verify.h"
#include "closing_month.h"

namespace billsync::testing {
namespace {

using usage::NotClosed;
using UsageCloseTest = ClosingMonth;

TEST_F(UsageCloseTest, BringsTheMonthUpToDateAndRecordsItsTotals) {
  const auto closed = Close();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->users, 2);
  EXPECT_EQ(closed->total_runs + " " + closed->total_tokens, "4 40");
  EXPECT_EQ(closed->total_cost_usd + " " + closed->total_cost_exact_usd, "2.01 2.0049");
  EXPECT_EQ(closed->closed_by, "the test");
  EXPECT_EQ(closed->usage_sha256.size(), 64U);
  const auto again = Close();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->closed_at, closed->closed_at);
  EXPECT_EQ(again->usage_sha256, closed->usage_sha256);
  const auto session = database_.Connect();
  const auto periods = usage::ListPeriods(*session);
  ASSERT_EQ(periods.size(), 1U);
  EXPECT_EQ(periods[0].usage_sha256, closed->usage_sha256);
}

TEST_F(UsageCloseTest, RefusesAMonthThatIsNotOver) {
  const auto last = ParseInstant("2026-10-31T23:59:59.999999Z").value();
  const auto closed = Close(kOctober, last);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, NotClosed::Reason::kNotOver);
  EXPECT_TRUE(Close(kOctober, last + std::chrono::microseconds(1)));
}

TEST_F(UsageCloseTest, RefusesAMonthThatHasDriftedAndChangesNothing) {
  Rollup();
  database_.Run("UPDATE billing_usage_by_model SET cost_usd = cost_usd + 0.0001 WHERE user_id = '" + UserId(1) + "'");
  const auto closed = Close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, NotClosed::Reason::kDrift);
  EXPECT_FALSE(closed.error().check.drifts.empty());
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_periods WHERE closed_at IS NOT NULL"), "0");
  Runs(1, 1, "1");
  EXPECT_EQ(Rollup(), 1);
}

TEST_F(UsageCloseTest, RefusesAMonthWhosePublishedRowsSomebodyChanged) {
  Rollup();
  database_.Run("UPDATE billing_usage SET total_runs = total_runs + 5 WHERE user_id = '" + UserId(1) + "'");
  const auto closed = Close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, NotClosed::Reason::kDrift);
  EXPECT_FALSE(closed.error().check.drifts.empty());
}

TEST_F(UsageCloseTest, NobodyChangesTheMonthAfterwards) {
  Close();
  const std::string row = "('" + UserId(99) + "', '2026-10-01', '2026-11-01')";
  for (const std::string& sql :
       {std::string("UPDATE billing_usage SET total_cost_usd = 0"),
        std::string("UPDATE billing_usage SET period_start = '2026-12-01', period_end = '2027-01-01'"),
        std::string("DELETE FROM billing_usage WHERE user_id = '") + UserId(1) + "'",
        "INSERT INTO billing_usage (user_id, period_start, period_end) VALUES " + row,
        std::string("INSERT INTO billing_usage (user_id, period_start, period_end) VALUES ('") + UserId(99) +
            "', '2026-10-31', '2026-11-01')",
        std::string("SET LOCAL session_replication_role = replica; UPDATE billing_usage SET total_runs = 9"),
        std::string("TRUNCATE billing_usage")}) {
    EXPECT_NE(Refusal(sql).find("usage of 2026-10 cannot change: the period is closed"), std::string::npos)
        << sql << "\n"
        << Refusal(sql);
  }
  for (const char* sql : {"UPDATE billing_periods SET total_cost_usd = 0", "DELETE FROM billing_periods",
                          "UPDATE billing_closed_users SET email = 'x'", "DELETE FROM billing_closed_users",
                          "TRUNCATE billing_closed_users", "TRUNCATE billing_periods"}) {
    EXPECT_NE(Refusal(sql).find("cannot change: its rows are written once"), std::string::npos) << sql;
  }
  EXPECT_EQ(Refusal("INSERT INTO billing_usage (user_id, period_start, period_end) VALUES ('" + UserId(99) +
                    "', '2026-11-01', '2026-12-01'); DELETE FROM billing_usage WHERE period_start = '2026-11-01'"),
            "")
      << "other months are open";
  EXPECT_EQ(Verify(), "");
}

// Both orders of a writer and the close, the second with a snapshot from before.
TEST_F(UsageCloseTest, WaitsForThoseWhoWriteAndRefusesThoseWhoComeLater) {
  Rollup();
  const auto writer = database_.Connect();
  {
    db::Transaction early(*writer);
    early.Exec("test", "UPDATE billing_usage SET total_cost_usd = 5 WHERE user_id = '" + UserId(1) + "'", {});
    auto closing = std::async(std::launch::async, [&] { return Close().has_value(); });
    while (database_.Value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") std::this_thread::yield();
    early.Commit();
    EXPECT_FALSE(closing.get()) << "what it waited for is not what the runs say";
  }
  database_.Run("UPDATE billing_usage SET total_cost_usd = 1 WHERE user_id = '" + UserId(1) + "'");
  EXPECT_TRUE(Close());

  Runs(1, 1, "1", "2026-09-05");
  Rollup();
  db::Transaction old(*writer, {.snapshot = true});
  old.Exec("test", "SELECT count(*) FROM billing_usage", {});
  EXPECT_TRUE(Close(billing::Month::Parse("2026-09").value()));
  EXPECT_THROW(old.Exec("test",
                        "INSERT INTO billing_usage (user_id, period_start, period_end) VALUES ('" + UserId(2) +
                            "', '2026-09-01', '2026-10-01')",
                        {}),
               db::Error);
}

// The platform metered more than its runs still tell; the row is frozen as it is, and late runs go on top of it.
TEST_F(UsageCloseTest, FreezesARowOfThePlatformAsItIs) {
  const auto may = billing::Month::Parse("2026-05").value();
  database_.Run("INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_cost_usd) VALUES ('" +
                UserId(1) + "', '2026-05-01', '2026-06-01', 500, 75.00)");
  Runs(1, 1, "0.004", "2026-05-05");
  const auto closed = Close(may);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->total_runs + " " + closed->total_cost_usd, "500 75.00");
  Runs(1, 2, "0.003", "2026-05-05");
  Rollup();
  EXPECT_EQ(Adjustments(), "1 05>11 2 0.0060 0.01 {\"m\": 0.0060}");
  EXPECT_EQ(Verify(may), "");
}

TEST_F(UsageCloseTest, ExportsTheSameBytesForEver) {
  database_.Run("UPDATE users SET full_name = 'Ada', plan_tier = 'pro' WHERE id = '" + UserId(1) + "'");
  Close();
  Runs(2, 1, "1", "2026-09-30");
  const std::string usage = Export(report::Report::kUsage);
  EXPECT_NE(usage.find(",Ada,pro,3,"), std::string::npos) << usage;
  Runs(1, 5, "2");
  database_.Run("UPDATE users SET full_name = 'Eve', email = 'x' || email, plan_tier = 'free'");
  database_.Run("UPDATE agent_runs SET cost_usd = cost_usd * 2");
  Rollup();
  const auto session = database_.Connect();
  usage::RecomputeMonth(*session, kOctober, kNow, {.foreign = usage::ForeignRows::kTakeOver, .allow_decrease = true});
  usage::RestoreOpenMonths(*session, kNow);
  EXPECT_EQ(Export(report::Report::kUsage), usage);
  // The corrections are in November's file; once November is closed, that file is final too.
  const auto december = ParseInstant("2026-12-05T00:00:00Z").value();
  ASSERT_TRUE(Close(kNovember, december));
  const std::string adjustments = Export(report::Report::kAdjustments, kNovember);
  EXPECT_EQ(std::count(adjustments.begin(), adjustments.end(), '\n'), 3);
  database_.Run("UPDATE users SET email = 'x' || email");
  Runs(1, 1, "9");
  Rollup(december);
  EXPECT_EQ(Export(report::Report::kAdjustments, kNovember), adjustments);
  EXPECT_EQ(Export(report::Report::kUsage), usage);
}

TEST_F(UsageCloseTest, FindsRowsThatSomebodyChangedBehindTheTriggers) {
  Close();
  database_.Run(
      "ALTER TABLE billing_usage DISABLE TRIGGER USER; UPDATE billing_usage SET cost_breakdown = '{}'; ALTER "
      "TABLE billing_usage ENABLE TRIGGER USER");
  EXPECT_EQ(Verify().substr(0, 10), "rewritten ");
}

TEST_F(UsageCloseTest, TwoAtOnceCloseOnce) {
  const auto close = [&] { return Close(); };
  auto first = std::async(std::launch::async, close);
  auto second = std::async(std::launch::async, close);
  const auto one = first.get(), two = second.get();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->closed_at, two->closed_at);
}

TEST_F(UsageCloseTest, KeepsItsStepsAndKnowsWhichMonthsAreDue) {
  const auto session = database_.Connect();
  const auto installed = database_.Value(
      "SELECT to_char(installed_at AT TIME ZONE 'UTC', 'YYYY-MM') FROM "
      "billing_usage_fill");
  const auto month = billing::Month::Parse(installed).value();
  const auto due = [&](Instant now) {
    std::string text;
    for (const auto& m : usage::MonthsToClose(*session, now, 3, usage::CloseStep::kReset)) text += m.Text() + " ";
    return text;
  };
  EXPECT_EQ(due(month.End() + std::chrono::days(3) - std::chrono::microseconds(1)), "");
  EXPECT_EQ(due(month.End() + std::chrono::days(3)), installed + " ");
  EXPECT_EQ(due(month.Next().End() + std::chrono::days(4)), installed + " " + month.Next().Text() + " ");
  usage::RecordStep(*session, month, usage::CloseStep::kReset, "me", "2 users");
  usage::RecordStep(*session, month, usage::CloseStep::kReset, "another", "0 users");
  EXPECT_EQ(due(month.Next().End() + std::chrono::days(4)), month.Next().Text() + " ");
  const auto steps = usage::ListSteps(*session, month);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].done_by + ": " + steps[0].detail, "me: 2 users");
}

// Whose deltas cannot be drained now belongs to the month all the same.
TEST_F(UsageCloseTest, WaitsForUsageOfAUserWhoseRowSomebodyHolds) {
  Rollup();
  AddUser(database_, 3);
  Runs(3, 1, "5");
  {
    const auto holder = database_.Connect();
    db::Transaction hold(*holder);
    hold.Exec("test", "SELECT FROM users WHERE id = '" + UserId(3) + "' FOR UPDATE", {});
    const auto refused = Close();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, NotClosed::Reason::kWaiting);
  }
  const auto closed = Close();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->users, 3);
}

// Who owns the tables can switch their triggers off; the digest still tells.
TEST_F(UsageCloseTest, IsFoundOutWhenItWasRewritten) {
  Runs(1, 1, "1");
  ASSERT_TRUE(Close());
  database_.Run(
      "ALTER TABLE billing_usage DISABLE TRIGGER ALL; UPDATE billing_usage SET total_cost_usd = 8; ALTER TABLE "
      "billing_usage ENABLE TRIGGER ALL");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RewrittenMonths(*session), std::vector{kOctober});
  const auto again = Close();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, NotClosed::Reason::kDrift);
  EXPECT_NE(Verify().find("rewritten"), std::string::npos);
  const auto months = usage::MonthsOfUsage(*session);
  EXPECT_EQ(std::ranges::count(months, kOctober), 1);
}

}  // namespace
}  // namespace billsync::testing
