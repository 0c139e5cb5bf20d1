// Finance's files: their bytes, their manifest, and that they are whole or not there.
#include "billsync/report/export.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "billsync/db/migrator.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

using report::Report;

const auto kOctober = billing::Month::Parse("2026-10").value();

class ExportTest : public ::testing::Test {
 protected:
  ExportTest() {
    directory_ = (std::filesystem::temp_directory_path() / "billsync-export-XXXXXX").string();
    if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
    directory_ += "/export";
    AddUser(database_, 1, {{"full_name", "'=HYPERLINK(\"http://evil\")'"}, {"plan_tier", "'pro'"}});
    AddUser(database_, 2, {{"full_name", "E'O''Neil, \"Jim\"\\nJr.'"}});
  }
  ~ExportTest() override { std::filesystem::remove_all(std::filesystem::path(directory_).parent_path()); }

  void AddUsage(int user, const std::string& cost, const std::string& month = "2026-10-01") {
    database_.Run(
        "INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_tokens, total_cost_usd, "
        "total_cost_exact_usd, cost_breakdown) SELECT '" +
        UserId(user) + "', '" + month + "', '" + month + "'::date + interval '1 month', 200, 20000, round(" + cost +
        ", 2), " + cost + ", jsonb_build_object('gpt-4o', " + cost + ")");
  }
  void AddInvoice(int user, const std::string& id, const std::string& issued, const std::string& currency,
                  const std::string& minor, const std::string& usd) {
    database_.Run(
        "INSERT INTO billing_invoices (user_id, stripe_invoice_id, number, status, paid, currency, amount_minor, "
        "amount_paid_minor, amount_remaining_minor, amount_usd, amount_paid_usd, issued_at, due_date) VALUES ('" +
        UserId(user) + "', '" + id + "', '-1+2', 'paid', true, '" + currency + "', " + minor + ", " + minor + ", 0, " +
        usd + ", " + usd + ", '" + issued + "', '2026-11-15')");
  }
  static report::ExportRequest Request(const std::vector<Report>& reports, const billing::Month& month = kOctober) {
    report::ExportRequest request{.period = report::PeriodRange::Of(month)};
    for (const Report report : reports) request.items.push_back({report});
    return request;
  }
  report::Manifest Export(
      const std::vector<Report>& reports, const report::ExportProgress& progress = [](int64_t, int64_t) {}) {
    const auto session = database_.Connect();
    return report::ExportToDirectory(*session, Request(reports), directory_, progress);
  }
  std::string Stream(Report report) {
    const auto session = database_.Connect();
    std::ostringstream out;
    report::ExportToStream(*session, Request({report}), out, [](int64_t, int64_t) {});
    return out.str();
  }
  std::string File(const std::string& name) {
    std::ifstream in(directory_ + "/" + name, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::string Sha256(const std::string& text) {
    const auto session = database_.Connect();
    db::Transaction tx(*session);
    return tx.Exec("test", "SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex') AS digest", db::Params::Of(text))
        .Only()
        .Text("digest");
  }
  std::vector<std::string> Files() {
    std::vector<std::string> names;
    if (!std::filesystem::exists(directory_)) return names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  TestDatabase database_;
  std::string directory_;
};

TEST_F(ExportTest, UsageHasExactlyTheseBytes) {
  AddUsage(2, "0.0125");
  AddUsage(1, "2.5000");
  AddUsage(1, "9.0000", "2026-09-01");
  EXPECT_EQ(
      Stream(Report::kUsage),
      "period,user_id,email,full_name,plan_tier,total_runs,failed_runs,cancelled_runs,unpriced_runs,total_tokens,"
      "total_cost_usd,total_cost_exact_usd,cost_breakdown\r\n"
      "2026-10,00000000-0000-4000-8000-000000000001,user01@example.com,\"'=HYPERLINK(\"\"http://evil\"\")\",pro,200,0,"
      "0,0,20000,2.50,2.500000,\"{\"\"gpt-4o\"\": 2.5000}\"\r\n"
      "2026-10,00000000-0000-4000-8000-000000000002,user02@example.com,\"O'Neil, \"\"Jim\"\"\nJr.\",free,200,0,0,0,"
      "20000,0.01,0.012500,\"{\"\"gpt-4o\"\": 0.0125}\"\r\n");
}

TEST_F(ExportTest, InvoicesHaveExactlyTheseBytes) {
  AddInvoice(1, "in_b", "2026-10-31 23:59:59.999999+00", "usd", "2900", "29");
  AddInvoice(2, "in_a", "2026-10-01 00:00:00+00", "jpy", "4400", "28.23");
  AddInvoice(2, "in_next", "2026-11-01 00:00:00+00", "usd", "1", "0.01");
  AddInvoice(2, "in_before", "2026-09-30 23:59:59.999999+00", "usd", "1", "0.01");
  AddInvoice(2, "in_gone", "2026-10-02", "usd", "1", "0.01");
  database_.Run("UPDATE billing_invoices SET deleted = true WHERE stripe_invoice_id = 'in_gone'");
  database_.Run(
      "UPDATE billing_invoices SET amount_credited_minor = 500, amount_credited_usd = 5, amount_refunded_minor = 1000, "
      "amount_refunded_usd = 10 WHERE stripe_invoice_id = 'in_b'");
  EXPECT_EQ(
      Stream(Report::kInvoices),
      "invoice,number,user_id,email,customer,subscription,status,billing_reason,issued_at,finalized_at,paid_at,"
      "due_date,currency,amount_minor,amount_paid_minor,amount_remaining_minor,amount_credited_minor,usd_per_unit,"
      "amount_usd,amount_paid_usd,amount_credited_usd,amount_refunded_minor,amount_refunded_usd,period\r\n"
      "in_a,'-1+2,00000000-0000-4000-8000-000000000002,user02@example.com,,,paid,,2026-10-01T00:00:00Z,,,2026-11-15,"
      "JPY,4400,4400,0,,,28.23,28.23,,,,2026-10\r\n"
      "in_b,'-1+2,00000000-0000-4000-8000-000000000001,user01@example.com,,,paid,,2026-10-31T23:59:59Z,,,2026-11-15,"
      "USD,2900,2900,0,500,,29.00,29.00,5.00,1000,10.00,2026-10\r\n");
}

TEST_F(ExportTest, GuardsEveryStartThatASpreadsheetWouldRun) {
  for (const char* start : {"=1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"}) {
    const std::string cell = report::CsvCell(start);
    EXPECT_TRUE(cell.starts_with("'") || cell.starts_with("\"'")) << cell;
  }
  EXPECT_EQ(report::CsvCell("1-2=3"), "1-2=3");
}

TEST_F(ExportTest, AnEmptyPeriodIsAHeaderAndZeroTotals) {
  const auto manifest = Export({Report::kUsage, Report::kInvoices});
  ASSERT_EQ(manifest.files.size(), 2U);
  EXPECT_EQ(manifest.files[0].rows, 0);
  EXPECT_EQ(manifest.files[0].totals.at("USD").at("total_cost_usd"), "0.00");
  EXPECT_TRUE(manifest.files[1].totals.empty());
  EXPECT_EQ(File("usage-2026-10.csv").find("\r\n"), File("usage-2026-10.csv").size() - 2);
}

TEST_F(ExportTest, TheManifestAgreesWithTheFilesAndTheDatabase) {
  AddUsage(1, "2.5050");
  AddUsage(2, "0.0049");
  AddInvoice(1, "in_1", "2026-10-05", "usd", "2900", "29");
  AddInvoice(2, "in_2", "2026-10-06", "usd", "-100", "-1");
  AddInvoice(2, "in_3", "2026-10-07", "jpy", "4400", "28.23");
  database_.Run(
      "UPDATE billing_invoices SET amount_refunded_minor = 1000, amount_refunded_usd = 10, "
      "amount_credited_minor = 500, amount_credited_usd = 5 WHERE stripe_invoice_id = 'in_1'");
  const auto manifest = Export({Report::kUsage, Report::kInvoices});
  ASSERT_EQ(manifest.files.size(), 2U);
  const auto& usage = manifest.files[0];
  EXPECT_EQ(usage.name + " " + std::to_string(usage.rows), "usage-2026-10.csv 2");
  EXPECT_EQ(usage.totals.at("USD").at("total_cost_usd"), "2.51") << "the sum of the rounded rows that are exported";
  EXPECT_EQ(usage.totals.at("USD").at("total_cost_exact_usd"), "2.509900");
  EXPECT_EQ(usage.totals.at("USD").at("total_runs"), "400");
  const auto& invoices = manifest.files[1];
  EXPECT_EQ(invoices.rows, 3);
  EXPECT_EQ(invoices.totals.at("USD").at("amount_minor"), "2800");
  EXPECT_EQ(invoices.totals.at("USD").at("amount_usd"), "28.00");
  EXPECT_EQ(invoices.totals.at("USD").at("amount_refunded_minor"), "1000");
  EXPECT_EQ(invoices.totals.at("USD").at("amount_refunded_usd"), "10.00");
  EXPECT_EQ(invoices.totals.at("USD").at("amount_credited_minor"), "500");
  EXPECT_EQ(invoices.totals.at("JPY").at("amount_refunded_usd"), "0.00") << "not known is none";
  EXPECT_EQ(invoices.totals.at("JPY").at("amount_minor"), "4400");
  EXPECT_EQ(invoices.totals.at("JPY").at("amount_paid_usd"), "28.23");
  for (const auto& file : manifest.files) {
    EXPECT_EQ(static_cast<int64_t>(File(file.name).size()), file.bytes) << file.name;
    EXPECT_EQ(Sha256(File(file.name)), file.sha256) << file.name;
  }
  EXPECT_EQ(File("manifest.json"), manifest.Json());
  EXPECT_EQ(manifest.schema_version, db::SchemaVersion());
}

TEST_F(ExportTest, ReadsOneSnapshotThoughRowsAreCommittedMeanwhile) {
  AddUsage(1, "1.0000");
  AddInvoice(1, "in_1", "2026-10-05", "usd", "2900", "29");
  bool changed = false;
  const auto manifest = Export({Report::kUsage, Report::kInvoices}, [&](int64_t, int64_t) {
    if (changed) return;
    changed = true;
    AddInvoice(2, "in_2", "2026-10-06", "usd", "100", "1");
    database_.Run("UPDATE billing_invoices SET amount_usd = 30 WHERE stripe_invoice_id = 'in_1'");
  });
  EXPECT_TRUE(changed);
  EXPECT_EQ(manifest.files[1].rows, 1);
  EXPECT_EQ(manifest.files[1].totals.at("USD").at("amount_usd"), "29.00");
  EXPECT_EQ(File("invoices-2026-10.csv").find("in_2"), std::string::npos);
}

TEST_F(ExportTest, ReadsMoreRowsThanOneFetchTakesAndSaysHowFarItIs) {
  database_.Run(
      "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_minor, amount_usd, "
      "amount_paid_usd, issued_at) SELECT '" +
      UserId(1) +
      "', 'in_' || n, 'open', 'usd', n, n / 100.0, 0, "
      "timestamptz '2026-10-05' + n * interval '1 second' FROM generate_series(1, 4500) n");
  std::string told;
  const auto manifest = Export({Report::kInvoices}, [&](int64_t rows, int64_t total) {
    told += std::to_string(rows) + "/" + std::to_string(total) + " ";
  });
  EXPECT_EQ(told, "2000/4500 4000/4500 4500/4500 ");
  EXPECT_EQ(manifest.files[0].rows, 4500);
  EXPECT_EQ(manifest.files[0].totals.at("USD").at("amount_minor"), std::to_string(4500 * 4501 / 2));
  const std::string file = File("invoices-2026-10.csv");
  EXPECT_EQ(std::count(file.begin(), file.end(), '\n'), 4501);
}

TEST_F(ExportTest, LeavesNothingBehindWhenItIsBroken) {
  AddUsage(1, "1.0000");
  AddInvoice(1, "in_1", "2026-10-05", "usd", "2900", "29");
  int calls = 0;
  EXPECT_THROW(Export({Report::kUsage, Report::kInvoices},
                      [&](int64_t, int64_t) {
                        if (++calls == 2) throw std::runtime_error("the power went");
                      }),
               std::runtime_error);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(Files().empty()) << Files().front();
}

TEST_F(ExportTest, ReplacesItsOwnFilesAndKeepsThemWhenTheNewOnesFail) {
  AddUsage(1, "1.0000");
  Export({Report::kUsage});
  const std::string first = File("usage-2026-10.csv");
  AddUsage(2, "1.0000");
  EXPECT_THROW(Export({Report::kUsage}, [](int64_t, int64_t) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(File("usage-2026-10.csv"), first);
  Export({Report::kUsage});
  EXPECT_NE(File("usage-2026-10.csv"), first);
  EXPECT_EQ(Files(), (std::vector<std::string>{"manifest.json", "usage-2026-10.csv"}));
}

TEST_F(ExportTest, RefusesTheDirectoryOfAnotherMonth) {
  Export({Report::kUsage});
  const auto session = database_.Connect();
  EXPECT_THROW(report::ExportToDirectory(*session, Request({Report::kUsage}, kOctober.Next()), directory_,
                                         [](int64_t, int64_t) {}),
               std::runtime_error);
  EXPECT_EQ(Files(), (std::vector<std::string>{"manifest.json", "usage-2026-10.csv"}));
}

TEST_F(ExportTest, FailsWhenTheReaderIsGone) {
  AddUsage(1, "1.0000");
  const auto session = database_.Connect();
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_THROW(report::ExportToStream(*session, Request({Report::kUsage}), out, [](int64_t, int64_t) {}),
               std::runtime_error);
}

}  // namespace
}  // namespace billsync::testing
