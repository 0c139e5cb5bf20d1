// A closed month is closed, and what comes later is an adjustment.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <sstream>

#include "billsync/report/export.h"
#include "billsync/usage/adjustments.h"
#include "billsync/usage/close.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

using usage::NotClosed;

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();
const auto kOctober = billing::Month::Parse("2026-10").value();
const auto kNovember = billing::Month::Parse("2026-11").value();

class UsageCloseTest : public ::testing::Test {
 protected:
  UsageCloseTest() {
    for (int user : {1, 2}) AddUser(database_, user);
    Runs(1, 3, "0.3333");
    Runs(2, 1, "1.005");
  }

  void Runs(int user, int count, const std::string& cost, const std::string& at = "2026-10-05") {
    AddRuns(database_, user, count,
            {{"status", "'completed'"},
             {"cost_usd", cost},
             {"model_used", "'m'"},
             {"tokens_total", "10"},
             {"created_at", "'" + at + "'"}});
  }
  tl::expected<usage::Period, NotClosed> Close(const billing::Month& month = kOctober, Instant now = kNow) {
    const auto session = database_.Connect();
    return usage::CloseMonth(*session, month, "the test", now);
  }
  int64_t Rollup(Instant now = kNow) {
    const auto session = database_.Connect();
    return usage::Rollup(*session, now);
  }
  // "" or what verification of a month finds.
  std::string Verify(const billing::Month& month = kOctober) {
    const auto session = database_.Connect();
    std::string text;
    for (const auto& drift : usage::VerifyMonth(*session, month).drifts) {
      text += std::string(usage::Name(drift.kind)) + " " + drift.user_id.substr(drift.user_id.size() > 2 ? 34 : 0) +
              " " + std::to_string(drift.completed_runs) + " " + drift.cost_usd + ";";
    }
    return text;
  }
  // "user origin>booked runs exact cents {breakdown}" of each, oldest first.
  std::string Adjustments() {
    return database_.Value(
        "SELECT coalesce(string_agg(right(user_id::text, 1) || ' ' || to_char(origin_period, 'MM') || '>' || "
        "to_char(booked_period, 'MM') || ' ' || total_runs || ' ' || amount_exact_usd || ' ' || amount_usd || ' ' || "
        "cost_breakdown, '; ' ORDER BY id), '') FROM billing_adjustments");
  }
  std::string Export(report::Report report, const billing::Month& month = kOctober) {
    const auto session = database_.Connect();
    std::ostringstream out;
    report::ExportToStream(*session, {.period = report::PeriodRange::Of(month), .items = {{report}}}, out,
                           [](int64_t, int64_t) {});
    return out.str();
  }
  // The SQLSTATE and constraint a statement is refused with; "" when it is not.
  std::string Refusal(const std::string& sql) {
    try {
      database_.Run(sql);
    } catch (const db::Error& e) {
      return e.what();
    }
    return "";
  }

  TestDatabase database_;
};

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

TEST_F(UsageCloseTest, BooksWhatComesLaterInTheMonthThatIsOpen) {
  Close();
  const std::string frozen = Export(report::Report::kUsage);
  Runs(1, 1, "0.5");
  Runs(2, 1, "0.25", "2026-11-02");
  EXPECT_EQ(Rollup(), 2);
  EXPECT_EQ(Adjustments(), "1 10>11 1 0.5000 0.50 {\"m\": 0.5000}");
  EXPECT_EQ(Verify(), "");
  EXPECT_EQ(Verify(kNovember), "");
  database_.Run("UPDATE agent_runs SET cost_usd = 0.1 WHERE cost_usd = 0.5");
  database_.Run("UPDATE agent_runs SET status = 'failed', model_used = 'n' WHERE user_id = '" + UserId(2) +
                "' AND created_at < '2026-11-01'");
  EXPECT_EQ(Rollup(ParseInstant("2026-12-01T00:00:00Z").value()), 2);
  EXPECT_EQ(Adjustments(),
            "1 10>11 1 0.5000 0.50 {\"m\": 0.5000}; 1 10>12 0 -0.4000 -0.40 {\"m\": -0.4000}; "
            "2 10>12 -1 0.0000 0.00 {\"m\": -1.0050, \"n\": 1.0050}");
  database_.Run("DELETE FROM agent_runs");
  EXPECT_EQ(Rollup(), 0) << "deleting erases no usage";
  EXPECT_EQ(Verify(), "");
  EXPECT_EQ(Export(report::Report::kUsage), frozen);
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_adjustment_lines WHERE run_id IS NULL"), "0");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_adjustment_lines"), "5");
}

// 0.9999 is frozen as 1.00. Ten corrections of 0.0004 are 0.0040: not ten times nothing, and not a cent either.
TEST_F(UsageCloseTest, PostsCentsOfTheSumAndNotTheSumOfRoundedCorrections) {
  Close();
  for (int i = 0; i < 30; ++i) {
    Runs(1, 1, "0.0004");
    Rollup();
  }
  EXPECT_EQ(database_.Value("SELECT sum(amount_usd) || ' ' || sum(amount_exact_usd) FROM billing_adjustments"),
            "0.01 0.0120")
      << "0.9999 + 0.0120 = 1.0119, which is 1.01";
  Runs(1, 1, "0.0031");
  Rollup();
  EXPECT_EQ(database_.Value("SELECT sum(amount_usd) FROM billing_adjustments"), "0.02") << "1.0150";
  EXPECT_EQ(Verify(), "");
}

TEST_F(UsageCloseTest, LeavesNoTraceOfWhatCancelsOut) {
  Close();
  database_.Run("UPDATE agent_runs SET cost_usd = 5 WHERE user_id = '" + UserId(1) + "'");
  database_.Run("UPDATE agent_runs SET cost_usd = 0.3333 WHERE user_id = '" + UserId(1) + "'");
  EXPECT_EQ(Rollup(), 0);
  EXPECT_EQ(Adjustments(), "");
  EXPECT_EQ(Verify(), "");
}

TEST_F(UsageCloseTest, AdjustsUsersWithoutUsageInTheMonthAndUsersThatAreGone) {
  AddUser(database_, 3);
  Close();
  Runs(3, 2, "0.01");
  Rollup();
  EXPECT_EQ(Adjustments(), "3 10>11 2 0.0200 0.02 {\"m\": 0.0200}");
  EXPECT_EQ(Verify(), "");
  AddUser(database_, 4);
  Runs(4, 1, "7");
  database_.Run(
      "ALTER TABLE users DISABLE TRIGGER billing_keep_metered_user; DELETE FROM agent_runs; DELETE FROM users WHERE "
      "id = '" +
      UserId(4) + "'");
  EXPECT_EQ(Rollup(), 1);
  EXPECT_EQ(Verify(), "");
  EXPECT_EQ(database_.Value("SELECT email IS NULL FROM billing_adjustments WHERE amount_usd = 7"), "t");
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

TEST_F(UsageCloseTest, RecomputationOfAClosedMonthBooksWhatItFinds) {
  Close();
  database_.Run("ALTER TABLE agent_runs DISABLE TRIGGER USER");
  Runs(1, 1, "2");
  database_.Run("ALTER TABLE agent_runs ENABLE TRIGGER USER");
  EXPECT_EQ(Verify(), "unrecorded 01 1 2.0000;");
  const auto session = database_.Connect();
  EXPECT_EQ(usage::RecomputeMonth(*session, kOctober, kNow,
                                  {.foreign = usage::ForeignRows::kTakeOver, .allow_decrease = true}),
            1);
  EXPECT_EQ(Verify(), "");
  EXPECT_EQ(Adjustments(), "1 10>11 1 2.0000 2.00 {\"m\": 2.0000}");
}

TEST_F(UsageCloseTest, TakesAnAdjustmentByHand) {
  const auto session = database_.Connect();
  const auto book = [&](const std::string& amount) {
    db::Transaction tx(*session);
    const auto id = usage::BookAdjustment(tx, UserId(1), kOctober, amount, "goodwill", "ada", kNow);
    tx.Commit();
    return id;
  };
  const auto open = book("-0.50");
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error(), usage::NotBooked::kNotClosed) << "an open month is corrected by its runs";
  Close();
  {
    db::Transaction tx(*session);
    const auto nobody = usage::BookAdjustment(tx, UserId(77), kOctober, "1", "goodwill", "ada", kNow);
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error(), usage::NotBooked::kNoSuchUser);
  }
  EXPECT_TRUE(book("-0.50"));
  EXPECT_THROW(book("-0.505"), db::Bug);
  EXPECT_THROW(database_.Run("UPDATE billing_adjustments SET amount_usd = 1"), db::Bug);
  EXPECT_THROW(database_.Run("DELETE FROM billing_adjustments"), db::Bug);
  Runs(1, 1, "1");
  Rollup();
  const auto all = usage::ListAdjustments(*session, {.origin = kOctober, .booked = {}, .user_id = {}});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].amount_usd + " " + all[0].kind + " " + all[0].booked_period, "1.00 usage 2026-11");
  EXPECT_EQ(all[1].amount_usd + " " + all[1].kind + " " + all[1].reason, "-0.50 manual goodwill");
  EXPECT_EQ(Verify(), "") << "an agreed amount is no drift";
  EXPECT_TRUE(usage::ListAdjustments(*session, {.origin = {}, .booked = kOctober, .user_id = {}}).empty());
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
