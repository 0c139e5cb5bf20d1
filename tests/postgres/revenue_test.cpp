// Revenue by month: the console's overview reads a rollup, the margin report reads invoices; they must say the same.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "app/retention_sql.h"
#include "billsync/admin/reading.h"
#include "billsync/report/export.h"
#include "billsync/usage/close.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-12-20T12:00:00Z").value();

using ByMonth = std::map<std::string, int64_t>;  // cents of months that brought anything

int64_t Cents(std::string text) {
  text.erase(text.find('.'), 1);
  return std::stoll(text);
}

class RevenueTest : public ::testing::Test {
 protected:
  RevenueTest() { AddUser(database_, 1, {{"plan_tier", "'pro'"}}); }

  void Invoice(const std::string& id, const std::string& usd, const std::string& paid_at,
               const std::string& status = "paid") {
    database_.Run(
        "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, amount_usd, amount_paid_usd, issued_at, "
        "paid_at) VALUES ('" +
        UserId(1) + "', '" + id + "', '" + status + "', " + usd + ", " + usd + ", '2026-01-31 23:59:59Z', " + paid_at +
        ")");
  }
  void Set(const std::string& id, const std::string& what) {
    database_.Run("UPDATE billing_invoices SET " + what + " WHERE stripe_invoice_id = '" + id + "'");
  }
  void Close(const std::string& month) {
    const auto session = database_.Connect();
    ASSERT_TRUE(usage::CloseMonth(*session, billing::Month::Parse(month).value(), "the test", kNow));
  }
  void Condense() {
    const auto session = database_.Connect();
    db::Transaction tx(*session);
    tx.Exec(app::sql::kCondenseRevenue);
    tx.Commit();
  }
  ByMonth OfOverview() {
    const auto session = database_.Connect();
    const auto overview = admin::ReadOverview(*session, kNow);
    ByMonth found;
    for (size_t row = 0; row < overview.months.rows.size(); ++row) {
      const int64_t cents = Cents(overview.months.At(row, "revenue_usd").value_or("0.00"));
      if (cents != 0) found[overview.months.At(row, "period").value_or("")] = cents;
    }
    return found;
  }
  ByMonth OfMargin() {
    const auto session = database_.Connect();
    std::ostringstream file;
    report::ExportToStream(*session,
                           {.period = report::PeriodRange::Parse("2026-01..2026-12").value(),
                            .items = {{report::Report::kMargin, report::Layout::kBreakdown, report::Format::kCsv}}},
                           file, [](int64_t, int64_t) {});
    std::istringstream lines(file.str());
    std::string line;
    std::getline(lines, line);
    EXPECT_TRUE(line.starts_with("period,user_id,email,full_name,plan_tier,revenue_usd,")) << line;
    ByMonth found;
    while (std::getline(lines, line)) {
      std::istringstream cells(line);
      std::vector<std::string> row;
      for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
      found[row.at(0)] += Cents(row.at(5));
    }
    std::erase_if(found, [](const auto& one) { return one.second == 0; });
    return found;
  }
  void ExpectAgreement(const ByMonth& wanted) {
    EXPECT_EQ(OfOverview(), wanted);
    EXPECT_EQ(OfMargin(), wanted);
  }

  TestDatabase database_;
};

TEST_F(RevenueTest, OfTheOverviewIsThatOfTheMarginReport) {
  Invoice("in_1", "29.00", "'2026-10-31 23:59:59Z'");
  Invoice("in_2", "99.00", "'2026-11-01 00:00:00Z'");
  Invoice("in_3", "10.00", "NULL");          // paid, nobody says when: the day it was issued
  Invoice("in_4", "50.00", "NULL", "open");  // not paid
  ExpectAgreement({{"2026-01", 1000}, {"2026-10", 2900}, {"2026-11", 9900}});
  Set("in_1", "amount_refunded_usd = 9.50");
  Set("in_4", "status = 'paid', paid_at = '2026-11-05'");
  ExpectAgreement({{"2026-01", 1000}, {"2026-10", 1950}, {"2026-11", 14900}});
  Set("in_2", "deleted = true");
  database_.Run("DELETE FROM billing_invoices WHERE stripe_invoice_id = 'in_3'");
  ExpectAgreement({{"2026-10", 1950}, {"2026-11", 5000}});
  Set("in_2", "deleted = false, paid_at = '2026-12-01'");
  ExpectAgreement({{"2026-10", 1950}, {"2026-11", 5000}, {"2026-12", 9900}});
}

TEST_F(RevenueTest, OfAClosedMonthStaysAndWhatComesLateIsTheFirstOpenMonths) {
  Invoice("in_1", "29.00", "'2026-10-05'");
  Invoice("in_2", "99.00", "'2026-11-05'");
  Close("2026-10");
  ExpectAgreement({{"2026-10", 2900}, {"2026-11", 9900}});
  Set("in_1", "amount_refunded_usd = 9.00");
  Invoice("in_late", "7.00", "'2026-10-06'");
  ExpectAgreement({{"2026-10", 2900}, {"2026-11", 9700}});
  Close("2026-11");
  ExpectAgreement({{"2026-10", 2900}, {"2026-11", 9700}});
  Set("in_1", "amount_refunded_usd = 29.00");
  Set("in_2", "amount_refunded_usd = 1.00");
  ExpectAgreement({{"2026-10", 2900}, {"2026-11", 9700}, {"2026-12", -2100}});
}

TEST_F(RevenueTest, CondensingChangesNothingButTheNumberOfRows) {
  for (int i = 0; i < 20; ++i)
    Invoice("in_" + std::to_string(i), "1.10", "'2026-11-0" + std::to_string(1 + i % 3) + "'");
  Set("in_1", "amount_refunded_usd = 1.10");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_revenue_by_day"), "21");
  Condense();
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_revenue_by_day"), "3");
  ExpectAgreement({{"2026-11", 2090}});
  Condense();
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_revenue_by_day"), "3");
}

TEST_F(RevenueTest, IsNotTouchedByWhatChangesNoRevenueAndIsEmptyWithItsInvoices) {
  Invoice("in_1", "29.00", "'2026-11-05'");
  Set("in_1", "number = 'A-1', issued_at = '2026-02-02'");
  Set("in_1", "amount_paid_usd = amount_paid_usd");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_revenue_by_day"), "1");
  Invoice("in_2", "'NaN'", "'2026-11-05'");  // would never leave the sum again
  EXPECT_EQ(OfOverview(), (ByMonth{{"2026-11", 2900}}));
  database_.Run("TRUNCATE billing_invoices");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_revenue_by_day"), "0");
  EXPECT_EQ(OfOverview(), ByMonth{});
}

}  // namespace
}  // namespace billsync::testing
