// What comes later for a closed month is an adjustment.
#include "billsync/usage/adjustments.h"
#include "closing_month.h"

namespace billsync::testing {
namespace {

using UsageAdjustmentTest = ClosingMonth;

TEST_F(UsageAdjustmentTest, BooksWhatComesLaterInTheMonthThatIsOpen) {
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
TEST_F(UsageAdjustmentTest, PostsCentsOfTheSumAndNotTheSumOfRoundedCorrections) {
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

TEST_F(UsageAdjustmentTest, LeavesNoTraceOfWhatCancelsOut) {
  Close();
  database_.Run("UPDATE agent_runs SET cost_usd = 5 WHERE user_id = '" + UserId(1) + "'");
  database_.Run("UPDATE agent_runs SET cost_usd = 0.3333 WHERE user_id = '" + UserId(1) + "'");
  EXPECT_EQ(Rollup(), 0);
  EXPECT_EQ(Adjustments(), "");
  EXPECT_EQ(Verify(), "");
}

TEST_F(UsageAdjustmentTest, AdjustsUsersWithoutUsageInTheMonthAndUsersThatAreGone) {
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

TEST_F(UsageAdjustmentTest, RecomputationOfAClosedMonthBooksWhatItFinds) {
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

TEST_F(UsageAdjustmentTest, TakesAnAdjustmentByHand) {
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

}  // namespace
}  // namespace billsync::testing
