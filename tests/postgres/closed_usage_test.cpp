// What the console and the API show of a closed month: what its reports say, whatever its runs do later.
#include <gtest/gtest.h>

#include <sstream>

#include "billsync/admin/reading.h"
#include "billsync/report/export.h"
#include "billsync/usage/close.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();
const auto kOctober = billing::Month::Parse("2026-10").value();

class ClosedUsageTest : public ::testing::Test {
 protected:
  ClosedUsageTest() {
    for (int user : {1, 2}) AddUser(database_, user);
    Run(1, 1, "small", "0.3333", "2026-10-05");
    Run(2, 1, "large", "1.0050", "2026-10-30");
    Run(3, 2, "large", "1.2687", "2026-10-31");
  }

  void Run(int number, int user, const std::string& model, const std::string& cost, const std::string& day) {
    AddRun(database_, number, user,
           {{"status", "'completed'"},
            {"cost_usd", cost},
            {"model_used", "'" + model + "'"},
            {"tokens_total", "10"},
            {"created_at", "'" + day + "'"}});
  }
  void Close() {
    const auto session = database_.Connect();
    ASSERT_TRUE(usage::CloseMonth(*session, kOctober, "the test", kNow));
  }
  // A run that comes late, one whose cost is corrected, one that turns out to be of another model, one that is deleted.
  void ComeLate() {
    Run(4, 1, "late", "1.0064", "2026-10-31");
    database_.Run("UPDATE agent_runs SET cost_usd = 2.5 WHERE id = '" + RunId(1) + "'");
    database_.Run("UPDATE agent_runs SET model_used = 'small' WHERE id = '" + RunId(2) + "'");
    database_.Run("DELETE FROM agent_runs WHERE id = '" + RunId(3) + "'");
    database_.Run("UPDATE users SET email = 'else@example.com', plan_tier = 'enterprise' WHERE id = '" + UserId(1) +
                  "'");
    const auto session = database_.Connect();
    usage::Rollup(*session, kNow);
    ASSERT_NE(database_.Value("SELECT count(*) FROM billing_adjustments"), "0");
  }
  std::string Shown(const std::optional<std::string>& user = {}, const std::optional<std::string>& model = {}) {
    const auto session = database_.Connect();
    return admin::ReadUsage(*session, {.period = kOctober, .user = user, .model = model}, {}).Json(kOctober);
  }
  std::string Shown(const char* table) {
    const auto session = database_.Connect();
    const auto page = admin::ReadUsage(*session, {.period = kOctober}, {});
    return (std::string(table) == "models" ? page.models : page.days).RowsJson();
  }
  // Exact costs of October and November, as the overview has them.
  std::string OverviewCosts() {
    const auto session = database_.Connect();
    const auto months = admin::ReadOverview(*session, kNow).months;
    std::string costs;
    for (size_t row = 0; row < months.rows.size(); ++row) {
      if (months.At(row, "period") >= "2026-10") costs += months.At(row, "cost_usd").value_or("") + " ";
    }
    return costs;
  }
  // The same of the margin report.
  std::string MarginCosts() {
    std::string costs;
    for (const char* month : {"2026-10", "2026-11"}) {
      const auto session = database_.Connect();
      std::ostringstream file;
      const auto manifest = report::ExportToStream(
          *session, {.period = report::PeriodRange::Parse(month).value(), .items = {{report::Report::kMargin}}}, file,
          [](int64_t, int64_t) {});
      const std::string cost = manifest.files.at(0).totals.at("USD").at("cost_usd");
      costs += database_.Value("SELECT billing_usage_amount('" + cost + "')") + " ";
    }
    return costs;
  }

  TestDatabase database_;
};

TEST_F(ClosedUsageTest, StaysTheSameWhateverRunsComeLate) {
  Close();
  const std::string whole = Shown(), of_user = Shown(UserId(1)), of_model = Shown({}, "large");
  for (const char* part : {R"("period_state":"closed")", R"("days_as_known_today":false)", R"("total_runs":"3")",
                           R"("total_cost_exact_usd":"2.6070")", R"("cost_usd":"2.2737")", R"("day":"2026-10-31")"}) {
    EXPECT_NE(whole.find(part), std::string::npos) << part << " in " << whole;
  }
  ComeLate();
  EXPECT_EQ(Shown(), whole);
  EXPECT_EQ(Shown(UserId(1)), of_user);
  EXPECT_EQ(Shown({}, "large"), of_model);
}

TEST_F(ClosedUsageTest, CostsInTheOverviewWhatItCostsInTheMarginReport) {
  EXPECT_EQ(OverviewCosts(), "0.0000 0.0000 ") << "nothing is rolled up yet";
  Close();
  EXPECT_EQ(OverviewCosts(), "2.6070 0.0000 ");
  ComeLate();
  EXPECT_EQ(OverviewCosts().substr(0, 7), "2.6070 ");
  EXPECT_EQ(OverviewCosts(), MarginCosts()) << "what came late is November's";
}

// As 0021 finds a database in which months were closed before.
class UpgradedClosedUsageTest : public ClosedUsageTest {
 protected:
  void Upgrade() {
    database_.Run(
        "DROP TABLE billing_closed_usage_by_month, billing_closed_usage_by_day; "
        "DROP FUNCTION billing_keep_closed_reports(date), billing_keep_closed_sums(date), "
        "billing_keep_closed_days(date), billing_closed_days_kept(date); "
        "ALTER FUNCTION billing_keep_closed_rows(date) RENAME TO billing_keep_closed_reports");
    database_.Run(ReadSource("src/db/migrations/0021_closed_usage_read.sql"));
  }
};

TEST_F(UpgradedClosedUsageTest, KeepsTheDaysOfAMonthThatNothingCameLateTo) {
  Close();
  const std::string closed = Shown();
  Upgrade();
  EXPECT_EQ(Shown(), closed);
  ComeLate();
  EXPECT_EQ(Shown(), closed);
}

TEST_F(UpgradedClosedUsageTest, SaysThatDaysAreAsKnownTodayWhereThoseOfTheCloseAreLost) {
  Close();
  const std::string closed = Shown(), models = Shown("models"), days = Shown("days");
  ComeLate();
  Upgrade();
  EXPECT_NE(Shown().find(R"("days_as_known_today":true)"), std::string::npos) << Shown();
  EXPECT_EQ(Shown("models"), models);
  EXPECT_NE(Shown("days"), days);
  EXPECT_EQ(OverviewCosts(), MarginCosts());
}

}  // namespace
}  // namespace billsync::testing
