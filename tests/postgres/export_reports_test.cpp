// What each report says: of open months, of closed ones for ever, of the rows that are asked for.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "billsync/report/export.h"
#include "billsync/usage/close.h"
#include "billsync/usage/rollup.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

using report::Format;
using report::Layout;
using report::Report;

const Instant kNow = ParseInstant("2026-12-20T12:00:00Z").value();
const auto kOctober = billing::Month::Parse("2026-10").value();
const auto kNovember = billing::Month::Parse("2026-11").value();

class ExportReportsTest : public ::testing::Test {
 protected:
  ExportReportsTest() {
    AddUser(database_, 1, {{"full_name", "'Ada'"}, {"plan_tier", "'pro'"}});
    AddUser(database_, 2, {{"full_name", "'Bob'"}});
  }

  void Runs(int user, int count, const std::string& cost, const std::string& model,
            const std::string& at = "2026-10-05") {
    AddRuns(database_, user, count,
            {{"status", "'completed'"},
             {"cost_usd", cost},
             {"model_used", "'" + model + "'"},
             {"tokens_total", "10"},
             {"created_at", "'" + at + "'"}});
  }
  void Invoice(int user, const std::string& id, const std::string& issued, const std::string& paid,
               const std::string& usd) {
    database_.Run(
        "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_minor, amount_paid_minor, "
        "amount_usd, amount_paid_usd, issued_at, paid_at) VALUES ('" +
        UserId(user) + "', '" + id + "', 'paid', 'usd', " + usd + " * 100, " + usd + " * 100, " + usd + ", " + usd +
        ", '" + issued + "', '" + paid + "')");
  }
  void Refund(const std::string& id, const std::string& usd) {
    database_.Run("UPDATE billing_invoices SET amount_refunded_usd = " + usd + ", amount_refunded_minor = " + usd +
                  " * 100 WHERE stripe_invoice_id = '" + id + "'");
  }
  void Subscription(int user, const std::string& id, const std::string& usd, const std::string& started,
                    const std::string& more = "") {
    database_.Run(
        "INSERT INTO billing_subscriptions (user_id, stripe_subscription_id, stripe_price_id, plan_tier, status, "
        "current_period_start, current_period_end, amount_usd, amount_minor, currency, billing_interval, started_at) "
        "VALUES ('" +
        UserId(user) + "', '" + id + "', 'price_1', 'pro', 'active', '" + started + "', '2027-01-01', " + usd + ", " +
        usd + " * 100, 'usd', 'year', '" + started + "')" + more);
  }
  void Rollup(Instant now = kNow) {
    const auto session = database_.Connect();
    usage::Rollup(*session, now);
  }
  void Close(const billing::Month& month) {
    const auto session = database_.Connect();
    ASSERT_TRUE(usage::CloseMonth(*session, month, "the test", kNow));
  }
  report::ExportRequest Request(const report::ReportItem& item, const std::string& period,
                                const report::RowFilter& filter = {}) {
    return {.period = report::PeriodRange::Parse(period).value(), .filter = filter, .items = {item}};
  }
  std::string Export(const report::ReportItem& item, const std::string& period = "2026-10",
                     const report::RowFilter& filter = {}) {
    const auto session = database_.Connect();
    std::ostringstream out;
    last_ = report::ExportToStream(*session, Request(item, period, filter), out, [](int64_t, int64_t) {}).files.at(0);
    return out.str();
  }
  // The cells of some columns, a row a line, cells with blanks between.
  std::string Columns(const std::string& csv, const std::vector<std::string>& wanted) {
    std::istringstream in(csv);
    std::string line, out;
    std::vector<std::string> header;
    while (std::getline(in, line)) {
      if (line.ends_with('\r')) line.pop_back();
      std::vector<std::string> cells(1);
      bool quoted = false;
      for (const char c : line) {
        if (c == '"') quoted = !quoted;
        if (c == ',' && !quoted) {
          cells.emplace_back();
        } else {
          cells.back() += c;
        }
      }
      if (header.empty()) {
        header = cells;
        continue;
      }
      for (const auto& name : wanted) {
        const auto at = std::find(header.begin(), header.end(), name);
        out += (at == header.end() ? "?" + name : cells.at(static_cast<size_t>(at - header.begin()))) + " ";
      }
      out.back() = '\n';
    }
    return out;
  }
  std::string Total(const std::string& name, const std::string& currency = "USD") {
    return last_.totals.contains(currency) ? last_.totals.at(currency).at(name) : "none";
  }

  TestDatabase database_;
  report::FileSummary last_;
};

TEST_F(ExportReportsTest, UsageLongHasARowAModelAndAddsUpToTheUsers) {
  Runs(1, 2, "0.3333", "gpt-4o");
  Runs(1, 1, "1", "=llama");
  Runs(2, 1, "2.5", "gpt-4o");
  Rollup();
  EXPECT_EQ(Columns(Export({Report::kUsage, Layout::kLong}),
                    {"full_name", "model", "total_runs", "total_tokens", "cost_usd"}),
            "Ada '=llama 1 10 1.000000\nAda gpt-4o 2 20 0.666600\nBob gpt-4o 1 10 2.500000\n");
  EXPECT_EQ(Total("cost_usd"), "4.166600");
  Export({Report::kUsage});
  EXPECT_EQ(Total("total_cost_exact_usd"), "4.166600");
}

TEST_F(ExportReportsTest, UsageWideHasAColumnForEachModelOfThePeriodWhoeverIsAskedFor) {
  Runs(1, 2, "0.3333", "gpt-4o");
  Runs(2, 1, "2.5", "a,b");
  Rollup();
  const std::string csv = Export({Report::kUsage, Layout::kWide});
  EXPECT_EQ(csv.substr(csv.find("total_cost_exact_usd"), csv.find('\r') - csv.find("total_cost_exact_usd")),
            "total_cost_exact_usd,\"cost_usd:a,b\",cost_usd:gpt-4o");
  EXPECT_NE(csv.find(",0.67,0.666600,,0.666600\r\n"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",2.50,2.500000,2.500000,\r\n"), std::string::npos) << csv;
  EXPECT_EQ(Total("cost_usd:gpt-4o"), "0.666600");
  const std::string one = Export({Report::kUsage, Layout::kWide}, "2026-10", {.user_id = UserId(1)});
  EXPECT_EQ(one.substr(0, one.find('\r')), csv.substr(0, csv.find('\r')));
  EXPECT_EQ(Total("cost_usd:a,b"), "0.000000");
}

TEST_F(ExportReportsTest, RowsThePlatformWroteItselfAreExplainedToTheLastCent) {
  database_.Run(
      "INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_tokens, total_cost_usd, "
      "cost_breakdown) VALUES ('" +
      UserId(1) +
      "', '2026-10-01', '2026-11-01', 7, 70, 8.00, "
      "'{\"llama3\": 0, \"claude\": 5.00, \"broken\": \"x\"}')");
  EXPECT_EQ(Columns(Export({Report::kUsage, Layout::kLong}), {"model", "total_runs", "cost_usd"}),
            "claude  5.000000\nllama3  0.000000\nunknown 7 3.000000\n");
  EXPECT_EQ(Columns(Export({Report::kMargin}), {"cost_usd"}), "8.000000\n");
}

TEST_F(ExportReportsTest, AFilterFiltersTheTotalsToo) {
  Runs(1, 1, "1", "m");
  Runs(2, 1, "2", "m");
  Rollup();
  database_.Run(std::string("INSERT INTO team_members (team_id, user_id) VALUES ('") + kTeamId + "', '" + UserId(2) +
                "')");
  Invoice(1, "in_1", "2026-10-05", "2026-10-06", "29");
  Invoice(2, "in_2", "2026-10-05", "2026-10-06", "7");
  const report::RowFilter of_user{.user_id = UserId(1)}, of_tier{.plan_tier = "pro"}, of_team{.team_id = kTeamId};
  for (const Report report : {Report::kUsage, Report::kMargin}) {
    const std::vector<std::string> name = {"full_name"};
    EXPECT_EQ(Columns(Export({report}, "2026-10", of_user), name), "Ada\n");
    EXPECT_EQ(Columns(Export({report}, "2026-10", of_tier), name), "Ada\n");
    EXPECT_EQ(Columns(Export({report}, "2026-10", of_team), name), "Bob\n");
  }
  EXPECT_EQ(Total("cost_usd"), "2.000000");
  EXPECT_EQ(Columns(Export({Report::kInvoices}, "2026-10", of_team), {"invoice"}), "in_2\n");
  EXPECT_EQ(Total("amount_usd"), "7.00");
  EXPECT_EQ(last_.rows, 1);
}

TEST_F(ExportReportsTest, RowsOfARangeCarryTheirMonth) {
  Runs(1, 1, "1", "m");
  Runs(1, 1, "2", "m", "2026-11-05");
  Runs(1, 1, "4", "m", "2026-12-05");
  Rollup();
  EXPECT_EQ(Columns(Export({Report::kUsage}, "2026-10..2026-11"), {"period", "total_cost_usd"}),
            "2026-10 1.00\n2026-11 2.00\n");
  EXPECT_EQ(Total("total_cost_usd"), "3.00");
  EXPECT_EQ(last_.name, "usage-2026-10_2026-11.csv");
  Close(kOctober);
  const auto session = database_.Connect();
  report::ExportStream stream(*session, Request({Report::kUsage}, "2026-10..2026-11"));
  EXPECT_EQ(stream.facts().period_state, "partly closed");
  EXPECT_EQ(stream.FixedTag(), "");
}

TEST_F(ExportReportsTest, MarginIsPaidLessRefundedAgainstTheExactCostByTheMonthOfPayment) {
  Runs(1, 3, "0.3333", "m");
  Rollup();
  Invoice(1, "in_sept", "2026-09-30", "2026-10-01T00:00:00Z", "10");
  Invoice(1, "in_late", "2026-10-30", "2026-11-01T00:00:00Z", "500");
  Invoice(2, "in_2", "2026-10-05", "2026-10-31T23:59:59Z", "20");
  Refund("in_2", "5");
  database_.Run("INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, amount_usd, issued_at) VALUES ('" +
                UserId(1) + "', 'in_open', 'open', 99, '2026-10-05')");
  EXPECT_EQ(Columns(Export({Report::kMargin}), {"full_name", "revenue_usd", "cost_usd", "margin_usd", "margin_share"}),
            "Ada 10.00 0.999900 9.000100 0.9000\nBob 15.00 0.000000 15.000000 1.0000\n");
  EXPECT_EQ(Total("revenue_usd") + " " + Total("margin_usd"), "25.00 24.000100");
}

TEST_F(ExportReportsTest, ARefundAfterTheCloseLowersTheRevenueOfTheOpenMonthOnce) {
  Invoice(1, "in_1", "2026-10-05", "2026-10-06", "29");
  Invoice(2, "in_2", "2026-11-05", "2026-11-06", "7");
  const std::vector<std::string> money = {"full_name", "revenue_usd", "late_revenue_usd"};
  Close(kOctober);
  Refund("in_1", "9");
  EXPECT_EQ(Columns(Export({Report::kMargin}), money), "Ada 29.00 0.00\n") << "closed is closed";
  EXPECT_EQ(Columns(Export({Report::kMargin}, "2026-11"), money), "Ada -9.00 -9.00\nBob 7.00 0.00\n");
  EXPECT_EQ(Columns(Export({Report::kMargin}, "2026-12"), money), "") << "in the first open month and in no other";
  Close(kNovember);
  Refund("in_1", "29");
  EXPECT_EQ(Columns(Export({Report::kMargin}, "2026-11"), money), "Ada -9.00 -9.00\nBob 7.00 0.00\n");
  EXPECT_EQ(Columns(Export({Report::kMargin}, "2026-12"), money), "Ada -20.00 -20.00\n");
  Export({Report::kMargin}, "2026-10..2026-12");
  EXPECT_EQ(Total("revenue_usd"), "7.00") << "all months together are all invoices together";
}

TEST_F(ExportReportsTest, AnInvoiceHeardOfAfterTheCloseIsReportedInTheFirstOpenMonth) {
  Invoice(1, "in_1", "2026-10-05", "2026-10-06", "29");
  Close(kOctober);
  Invoice(2, "in_late", "2026-10-07", "2026-10-08", "11");
  const std::vector<std::string> named = {"invoice", "issued_at", "period"};
  EXPECT_EQ(Columns(Export({Report::kInvoices}), named), "in_1 2026-10-05T00:00:00Z 2026-10\n");
  EXPECT_EQ(Columns(Export({Report::kInvoices}, "2026-11"), named), "in_late 2026-10-07T00:00:00Z 2026-11\n");
  EXPECT_EQ(Columns(Export({Report::kInvoices}, "2026-12"), named), "");
  Close(kNovember);
  EXPECT_EQ(Columns(Export({Report::kInvoices}, "2026-10..2026-12"), {"invoice"}), "in_1\nin_late\n");
  EXPECT_EQ(Columns(Export({Report::kMargin}, "2026-11"), {"revenue_usd"}), "11.00\n");
}

TEST_F(ExportReportsTest, SubscriptionsAreThoseThatLivedInTheMonth) {
  Subscription(1, "sub_a", "120", "2026-09-05");
  Subscription(2, "sub_next", "60", "2026-11-01");
  Subscription(2, "sub_gone", "60", "2026-08-01");
  database_.Run(
      "UPDATE billing_subscriptions SET status = 'canceled', ended_at = '2026-09-30T23:59:59Z' WHERE "
      "stripe_subscription_id = 'sub_gone'");
  EXPECT_EQ(Columns(Export({Report::kSubscriptions}), {"subscription", "amount_usd", "monthly_usd"}),
            "sub_a 120.00 10.00\n");
  EXPECT_EQ(Total("monthly_usd"), "10.00");
  const std::string json = Export({Report::kSubscriptions, Layout::kBreakdown, Format::kJsonLines});
  EXPECT_NE(json.find("\"cancel_at_period_end\":false,"), std::string::npos) << json;
  EXPECT_EQ(Columns(Export({Report::kSubscriptions}, "2026-09"), {"subscription", "monthly_usd"}),
            "sub_a 10.00\nsub_gone 0.00\n");
}

// Everything that can be asked of a closed month is the same bytes after whatever happens elsewhere.
TEST_F(ExportReportsTest, AClosedMonthIsTheSameBytesAfterAYearOfChanges) {
  Runs(1, 3, "0.3333", "gpt-4o");
  Runs(2, 1, "1.005", "llama");
  database_.Run(std::string("INSERT INTO team_members (team_id, user_id) VALUES ('") + kTeamId + "', '" + UserId(1) +
                "')");
  Invoice(1, "in_1", "2026-10-05", "2026-10-06", "29");
  Subscription(1, "sub_a", "120", "2026-09-05");
  Rollup();
  Close(kOctober);
  const auto everything = [&] {
    std::map<std::string, std::string> all;
    for (const Format format : {Format::kCsv, Format::kJsonLines, Format::kXlsx, Format::kFocus}) {
      for (const Report report : report::kAllReports) {
        for (const Layout layout : {Layout::kBreakdown, Layout::kWide, Layout::kLong}) {
          const report::ReportItem item{report, layout, format};
          if (report::Refusal(item)) continue;
          for (const auto& filter :
               {report::RowFilter{}, report::RowFilter{.team_id = kTeamId}, report::RowFilter{.plan_tier = "pro"}}) {
            const std::string bytes = Export(item, "2026-10", filter);
            all[last_.name + filter.team_id.value_or("") + filter.plan_tier.value_or("")] = bytes;
          }
        }
      }
    }
    return all;
  };
  const auto before = everything();
  EXPECT_EQ(before.size(), 69U);
  EXPECT_NE(before.at("usage-2026-10.csv").find("Ada"), std::string::npos);
  EXPECT_EQ(before.at("usage-2026-10.csv" + std::string(kTeamId)).find("Bob"), std::string::npos);

  database_.Run(
      "UPDATE users SET email = 'x' || email, full_name = 'Somebody Else', plan_tier = 'enterprise'; DELETE FROM "
      "team_members");
  Refund("in_1", "29");
  Invoice(2, "in_new", "2026-10-07", "2026-10-08", "11");
  database_.Run("UPDATE billing_subscriptions SET status = 'canceled', ended_at = '2026-09-30', amount_usd = 1");
  Subscription(2, "sub_new", "60", "2026-10-01");
  Runs(1, 5, "7", "gpt-5");
  database_.Run("DELETE FROM agent_runs WHERE model_used = 'llama'");
  Rollup();
  Close(kNovember);
  const auto after = everything();
  for (const auto& [name, bytes] : before) EXPECT_TRUE(after.at(name) == bytes) << name << " changed";
}

TEST_F(ExportReportsTest, PagesByKeyShowEveryRowOnceInTheFilesOrder) {
  for (int user = 3; user <= 9; ++user) AddUser(database_, user);
  for (int user = 1; user <= 9; ++user) {
    Runs(user, 1, "1", "b");
    Runs(user, 1, "1", "a");
    Invoice(user, "in_" + std::to_string(user), "2026-10-0" + std::to_string(1 + user % 3), "2026-10-06", "29");
    Subscription(user, "sub_" + std::to_string(user), "12", "2026-09-05");
  }
  Rollup();
  for (const report::ReportItem item : {report::ReportItem{Report::kUsage},
                                        {Report::kUsage, Layout::kLong},
                                        {Report::kUsage, Layout::kWide},
                                        {Report::kInvoices},
                                        {Report::kSubscriptions},
                                        {Report::kMargin}}) {
    const auto session = database_.Connect();
    const report::ReportItem lines{item.report, item.layout, Format::kJsonLines};
    std::string paged, after;
    int pages = 0;
    do {
      const auto page = report::ReadPage(*session, Request(item, "2026-10"), after, 2);
      for (const auto& row : page.rows) paged += row + "\n";
      after = page.next;
      EXPECT_TRUE(after.empty() || report::IsRowKey(item, after)) << after;
      ++pages;
    } while (!after.empty() && pages < 20);
    EXPECT_EQ(paged, Export(lines)) << report::Name(item.report);
    EXPECT_EQ(pages, item.layout == Layout::kLong ? 9 : 5);
  }
}

TEST_F(ExportReportsTest, ValuesWithQuotesAndBackslashesStayValues) {
  Runs(1, 1, "1", "it''s \\n a\n-- $1 model\t");
  Rollup();
  const std::string wide = Export({Report::kUsage, Layout::kWide, Format::kJsonLines});
  EXPECT_NE(wide.find(R"("cost_usd:it's \\n a\n-- $1 model\t":"1.000000")"), std::string::npos) << wide;
  EXPECT_EQ(Export({Report::kUsage}, "2026-10", {.plan_tier = "x' OR 'a' = 'a\\"}).find("Ada"), std::string::npos);
}

}  // namespace
}  // namespace billsync::testing
