// Money checked against what else knows of it.
#include "billsync/usage/money.h"

#include <gtest/gtest.h>

#include "billsync/report/read_back.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();
const auto kOctober = billing::Month::Parse("2026-10").value();

class MoneyTest : public ::testing::Test {
 protected:
  MoneyTest() { AddUser(database_, 1); }

  void Run(int number, const std::string& cost, const std::string& model = "gpt-4o") {
    AddRun(database_, number, 1,
           {{"status", "'completed'"},
            {"cost_usd", cost},
            {"model_used", "'" + model + "'"},
            {"created_at", "'2026-10-05'"}});
  }
  void Call(int run, const std::string& cost) {
    database_.Run("INSERT INTO llm_calls (agent_run_id, provider, model, cost_usd, created_at) VALUES ('" + RunId(run) +
                  "', 'p', 'm', " + cost + ", '2026-10-05')");
  }
  usage::MoneyCheck Check(int64_t listed = 10) {
    const auto session = database_.Connect();
    usage::Rollup(*session, kNow);
    return usage::VerifyMoney(*session, kOctober, listed);
  }

  TestDatabase database_;
};

TEST_F(MoneyTest, AddsUpTheCallsOfEachRun) {
  Run(1, "0.3");
  Run(2, "0.5", "claude");
  Run(3, "0");
  for (int i = 0; i < 3; ++i) Call(1, "0.1");
  Call(2, "0.5");
  Call(3, "NULL");
  EXPECT_TRUE(Check().Clean());
  Call(2, "0.0001");
  Run(4, "1");
  Call(4, "0.25");
  const auto check = Check();
  EXPECT_FALSE(check.Clean());
  EXPECT_EQ(check.Differing(), 2);
  ASSERT_EQ(check.mismatches.size(), 2U);
  EXPECT_EQ(check.mismatches[0].run_id, RunId(4)) << "the largest difference first";
  EXPECT_EQ(check.mismatches[0].run_cost + " " + check.mismatches[0].calls_cost, "1.0000 0.2500");
  ASSERT_EQ(check.models.size(), 2U);
  EXPECT_EQ(check.models[0].model + " " + check.models[0].run_cost + " " + check.models[0].calls_cost,
            "claude 0.5000 0.5001");
  EXPECT_EQ(Check(1).mismatches.size(), 1U);
  EXPECT_EQ(Check(1).Differing(), 2) << "all are counted, however few are listed";
}

TEST_F(MoneyTest, ComparesNothingWithNothing) {
  Run(1, "0.3");
  Run(2, "NULL");
  database_.Run(
      "INSERT INTO llm_calls (provider, model, cost_usd, created_at) VALUES ('p', 'm', 1, '2026-10-31 23:59:59+00')");
  const auto check = Check();
  EXPECT_TRUE(check.Clean());
  EXPECT_EQ(check.runs_without_calls, 1);
  EXPECT_EQ(check.calls_without_run, 1);
}

TEST_F(MoneyTest, FindsBreakdownsAndCentsThatDoNotFollowFromTheTotal) {
  Run(1, "0.3");
  EXPECT_TRUE(Check().uneven.empty());
  database_.Run("UPDATE billing_usage SET cost_breakdown = '{\"gpt-4o\": 0.2}'");
  ASSERT_EQ(Check().uneven.size(), 1U);
  database_.Run("UPDATE billing_usage SET cost_breakdown = '{\"gpt-4o\": 0.3}', total_cost_usd = 0.31");
  const auto check = Check();
  ASSERT_EQ(check.uneven.size(), 1U);
  EXPECT_EQ(check.uneven[0].other, "0.31");
}

TEST_F(MoneyTest, ReadsItsExportsBack) {
  database_.Run("UPDATE users SET full_name = E'=\"a\",b\\nc' WHERE id = '" + UserId(1) + "'");
  AddUser(database_, 2);
  Run(1, "0.3");
  AddRuns(database_, 2, 3, {{"status", "'completed'"}, {"cost_usd", "99999.9999"}, {"created_at", "'2026-10-09'"}});
  Check();
  database_.Run(
      "INSERT INTO billing_invoices (user_id, stripe_invoice_id, amount_usd, currency, amount_minor, "
      "amount_paid_minor, issued_at, status) SELECT id, 'in_' || right(id::text, 1), -1.50, "
      "'eur', -150, 7, '2026-10-02', 'open' FROM users WHERE id = '" +
      UserId(1) + "'");
  const auto session = database_.Connect();
  for (const auto report : {report::Report::kUsage, report::Report::kInvoices, report::Report::kAdjustments}) {
    for (const auto& d : report::ReadBack(*session, report, kOctober)) {
      ADD_FAILURE() << report::Name(report) << " " << d.currency << " " << d.column << " " << d.in_file << " "
                    << d.in_tables;
    }
  }
}

}  // namespace
}  // namespace billsync::testing
