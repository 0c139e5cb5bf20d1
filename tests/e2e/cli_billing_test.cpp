// The monthly batch from the command line: rollup, export, reset-quotas, jobs.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "e2e/commands.h"
#include "e2e/json_text.h"

namespace billsync::testing {
namespace {

constexpr const char* kUser = "00000000-0000-4000-8000-000000000001";

void AddTeam(TestDatabase& database) {
  AddUser(database, 1, "ada");
  const std::string user = kUser;
  database.Run(
      "INSERT INTO teams (id, name, slug, owner_id) VALUES ('00000000-0000-4000-8000-000000000101', 't', 't', '" +
      user + "')");
  database.Run(
      "INSERT INTO agents (id, team_id, name, slug, spec_content, created_by) VALUES "
      "('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000101', 'a', 'a', '#', '" +
      user + "')");
}

// `count` runs created at one moment.
void AddRuns(TestDatabase& database, int count, const std::string& at, const std::string& cost,
             const std::string& status = "completed") {
  database.Run(
      "INSERT INTO agent_runs (agent_id, user_id, team_id, input, status, created_at, completed_at, model_used, "
      "tokens_total, cost_usd) SELECT '00000000-0000-4000-8000-000000000201', '" +
      std::string(kUser) + "', '00000000-0000-4000-8000-000000000101', 'x', '" + status + "', '" + at + "', '" + at +
      "', 'gpt-4o', 10, " + cost + " FROM generate_series(1, " + std::to_string(count) + ")");
}

std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// By the openssl command, so that none of our code is in it.
std::string Sha256Of(const std::string& path) {
  FILE* pipe = ::popen(("openssl dgst -sha256 -r '" + path + "'").c_str(), "r");
  std::array<char, 65> digest{};
  if (pipe == nullptr) return "";
  const size_t read = std::fread(digest.data(), 1, 64, pipe);
  ::pclose(pipe);
  return read == 64 ? digest.data() : "";
}

std::string RowOf(const std::string& csv) {
  const size_t row = csv.find("\r\n") + 2;
  return csv.substr(row, csv.find("\r\n", row) - row);
}

class Billing : public ::testing::Test {
 protected:
  Billing() { AddTeam(database_); }
  ProgramResult Run(std::vector<std::string> arguments) { return Billsync(database_, std::move(arguments)); }
  TestDatabase database_;
  const Workplace place_;
};

TEST_F(Billing, TwoHundredRunsOfOneAndAQuarterCentsAreTwoDollarsFifty) {
  AddRuns(database_, 200, "2023-10-15T12:00:00Z", "0.0125");
  AddRuns(database_, 1, "2023-09-30T23:59:59.999999Z", "7");  // both ends of the month
  AddRuns(database_, 1, "2023-11-01T00:00:00Z", "9");
  AddRuns(database_, 1, "2023-10-31T23:59:59.999999Z", "NULL", "failed");
  AddRuns(database_, 1, "2023-10-20T12:00:00Z", "5", "running");
  const auto rollup = Run({"rollup", "--period", "2023-10"});
  EXPECT_EQ(rollup.status, 0) << rollup.err;
  EXPECT_EQ(rollup.out, "billing_usage: 1 rows changed\n");
  EXPECT_EQ(Run({"rollup", "--period", "2023-10", "--json"}).out, "{\"rows_changed\":0,\"months_filled\":0}\n");

  const auto csv = Run({"export", "usage", "--period", "2023-10", "--format", "csv", "--output", "-"});
  EXPECT_EQ(csv.status, 0) << csv.err;
  EXPECT_EQ(csv.out.substr(0, csv.out.find("\r\n")),
            "period,user_id,email,full_name,plan_tier,total_runs,failed_runs,cancelled_runs,unpriced_runs,total_tokens,"
            "total_cost_usd,total_cost_exact_usd,cost_breakdown");
  const std::string row = RowOf(csv.out);
  EXPECT_TRUE(
      row.starts_with("2023-10,00000000-0000-4000-8000-000000000001,ada@example.com,,free,200,1,0,1,2010,2.50,"))
      << row;
  EXPECT_EQ(csv.out.size(), csv.out.find(row) + row.size() + 2) << "one row and nothing after it";
  EXPECT_EQ(csv.err, "");
}

TEST_F(Billing, ARollupOfEverythingTakesEveryMonthWithRuns) {
  AddRuns(database_, 3, "2023-08-01T00:00:00Z", "0.5");
  AddRuns(database_, 2, "2023-10-31T23:00:00Z", "0.25");
  const auto rollup = Run({"rollup", "--full", "--json"});
  EXPECT_EQ(rollup.status, 0) << rollup.err;
  EXPECT_EQ(rollup.out, "{\"rows_changed\":2,\"months_filled\":0}\n");
  EXPECT_EQ(database_.Value("SELECT string_agg(to_char(period_start, 'YYYY-MM') || ' ' || total_runs || ' ' || "
                            "total_cost_usd, ', ' ORDER BY period_start) FROM billing_usage"),
            "2023-08 3 1.50, 2023-10 2 0.50");
}

TEST_F(Billing, AnExportToADirectoryEndsWithAManifestThatDescribesItsFiles) {
  database_.Run("UPDATE users SET full_name = '=HYPERLINK(\"x\")'");
  AddRuns(database_, 200, "2023-10-15T12:00:00Z", "0.0125");
  EXPECT_EQ(Run({"rollup"}).status, 0);
  const std::string directory = place_.path() + "/books/2023";
  const auto exported = Run({"export", "usage", "invoices", "--period", "2023-10", "--output", directory});
  EXPECT_EQ(exported.status, 0) << exported.err;
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory)) names.insert(file.path().filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"invoices-2023-10.csv", "manifest.json", "usage-2023-10.csv"}));
  const auto manifest = ParsedJson(FileText(directory + "/manifest.json"));
  EXPECT_EQ(Member(manifest, "period"), "2023-10");
  EXPECT_EQ(Member(manifest, "period_end"), "2023-11-01T00:00:00.000000Z");
  ASSERT_EQ(manifest["files"].Size(), 2U);
  for (const auto& file : manifest["files"].GetArray()) {
    const std::string path = directory + "/" + Member(file, "name");
    EXPECT_EQ(Member(file, "sha256"), Sha256Of(path)) << path;
    EXPECT_EQ(Member(file, "bytes"), std::to_string(std::filesystem::file_size(path))) << path;
  }
  EXPECT_EQ(Member(manifest["files"][0], "rows"), "1");
  EXPECT_EQ(Member(manifest["files"][0]["control_totals"]["USD"], "total_cost_usd"), "2.50");
  EXPECT_EQ(Member(manifest["files"][1], "rows"), "0");
  const std::string csv = FileText(directory + "/usage-2023-10.csv");
  EXPECT_NE(csv.find(",\"'=HYPERLINK(\"\"x\"\")\","), std::string::npos) << csv;

  // Again: the same bytes. Another month in the same place would leave a manifest that describes half of it.
  EXPECT_EQ(Run({"export", "usage", "invoices", "--period", "2023-10", "--output", directory, "--json"}).status, 0);
  EXPECT_EQ(FileText(directory + "/usage-2023-10.csv"), csv);
  const auto other = Run({"export", "usage", "--period", "2023-09", "--output", directory});
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.err.find("choose an empty directory"), std::string::npos) << other.err;
}

TEST_F(Billing, ReportsOfOneMonthMayShareADirectory) {
  const std::string directory = place_.path() + "/shared";
  EXPECT_EQ(Run({"export", "usage", "--period", "2023-10", "--output", directory}).status, 0);
  EXPECT_EQ(Run({"export", "usage", "--format", "xlsx", "--period", "2023-10", "--output", directory}).status, 0);
  EXPECT_EQ(Run({"export", "invoices", "--period", "2023-10", "--output", directory}).status, 0);
  const auto manifest = ParsedJson(FileText(directory + "/manifest.json"));
  EXPECT_EQ(manifest["files"].Size(), 3U);
  const auto verified = Run({"export", "verify", directory});
  EXPECT_EQ(verified.status, 0) << verified.out;
  const auto others = Run({"export", "margin", "--tier", "pro", "--period", "2023-10", "--output", directory});
  EXPECT_EQ(others.status, 1) << "of other rows";

  // What was written while the month was open is not what the month became.
  EXPECT_EQ(Run({"close", "2023-10"}).status, 0);
  const auto late = Run({"export", "margin", "--period", "2023-10", "--output", directory});
  EXPECT_EQ(late.status, 1);
  EXPECT_NE(late.err.find("from before a month of it was closed"), std::string::npos) << late.err;
  const std::string closed = place_.path() + "/closed";
  EXPECT_EQ(Run({"export", "usage", "invoices", "--period", "2023-10", "--output", closed}).status, 0);
  const std::string first = FileText(closed + "/manifest.json");
  EXPECT_EQ(Run({"export", "usage", "invoices", "--period", "2023-10", "--output", closed}).status, 0);
  EXPECT_EQ(FileText(closed + "/manifest.json"), first) << "the manifest of a closed month is for ever, too";
}

TEST_F(Billing, AnExportThatCannotBeWrittenLeavesNothingUnderItsName) {
  const std::string file = place_.Put("taken", "");
  const auto result = Run({"export", "usage", "--period", "2023-10", "--output", file + "/x"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find(file), std::string::npos) << result.err;
}

TEST_F(Billing, QuotasAreResetOncePerPeriodAndADryRunChangesNothing) {
  database_.Run(
      "UPDATE users SET created_at = '2023-01-31T08:00:00Z', quota_reset_date = '2023-02-28', "
      "monthly_runs_used = 42");
  const auto dry = Run({"reset-quotas", "--dry-run", "--as-of", "2023-11-29", "--json"});
  EXPECT_EQ(dry.status, 0) << dry.err;
  const auto plan = ParsedJson(dry.out);
  ASSERT_EQ(plan["resets"].Size(), 1U) << dry.out;
  EXPECT_EQ(Member(plan, "dry_run"), "true");
  EXPECT_EQ(Member(plan["resets"][0], "previous_used"), "42");
  EXPECT_EQ(Member(plan["resets"][0], "used"), "0");
  EXPECT_EQ(Member(plan["resets"][0], "next_reset_date"), "2023-11-30");  // the 31st, where there is one
  EXPECT_EQ(Member(plan["resets"][0], "period_start"), "2023-10-31");
  EXPECT_EQ(database_.Value("SELECT monthly_runs_used || ' ' || quota_reset_date FROM users"), "42 2023-02-28");

  const auto done = Run({"reset-quotas", "--as-of", "2023-11-29"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(done.out.find("1 users reset"), std::string::npos) << done.out;
  EXPECT_EQ(database_.Value("SELECT monthly_runs_used || ' ' || quota_reset_date FROM users"), "0 2023-11-30");
  EXPECT_EQ(Run({"reset-quotas", "--as-of", "2023-11-29"}).out, "No user's quota is due.\n");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_quota_resets"), "1");
  const auto future = Run({"reset-quotas", "--as-of", "9000-01-01"});
  EXPECT_EQ(future.status, 2);
  EXPECT_NE(future.err.find("is in the future"), std::string::npos) << future.err;
}

TEST_F(Billing, JobsAreRunByHandAndListed) {
  AddRuns(database_, 4, "2023-10-15T12:00:00Z", "0.0125");
  EXPECT_EQ(Run({"jobs", "list"}).out, "No job has run yet; `billsync serve` runs them.\n");
  const auto run = Run({"jobs", "run", "rollup", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(Member(ParsedJson(run.out), "rows"), "1");
  EXPECT_EQ(database_.Value("SELECT total_cost_usd FROM billing_usage"), "0.05");
  for (const char* job : {"quota-reset", "entitlement-sweep", "retention"}) {
    const auto result = Run({"jobs", "run", job});
    EXPECT_EQ(result.status, 0) << job << result.err;
  }
  const auto list = Run({"jobs", "list", "--json"});
  EXPECT_EQ(list.status, 0) << list.err;
  const auto jobs = ParsedLines(list.out);
  ASSERT_EQ(jobs.size(), 4U);
  EXPECT_EQ(Member(jobs[3], "job"), "rollup");
  EXPECT_EQ(Member(jobs[3], "last_rows"), "1");
  EXPECT_EQ(Member(jobs[3], "last_error"), "null");
  EXPECT_EQ(database_.Value("SELECT trigger || ' ' || status FROM billing_job_runs WHERE job = 'rollup'"),
            "manual done");

  Run({"events", "replay", "fixtures/events/ada/06-invoice.paid.json"});
  const std::string applied = database_.Value("SELECT string_agg(status, ' ') FROM stripe_events");
  database_.Run("UPDATE stripe_events SET status = 'received', reason = NULL, next_attempt_at = now()");
  const auto by_job = Run({"jobs", "run", "apply", "--json"});
  EXPECT_EQ(by_job.status, 0) << by_job.err;
  EXPECT_EQ(Member(ParsedJson(by_job.out), "rows"), "1");
  EXPECT_EQ(database_.Value("SELECT string_agg(status, ' ') FROM stripe_events"), applied);

  const auto unknown = Run({"jobs", "run", "tea"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.err.find("no job is named 'tea'; there are apply, rollup"), std::string::npos) << unknown.err;
  database_.Run(
      "UPDATE billing_jobs SET lease_owner = 'elsewhere:1', lease_until = now() + interval '1 minute' "
      "WHERE job = 'rollup'");
  const auto busy = Run({"jobs", "run", "rollup"});
  EXPECT_EQ(busy.status, 1);
  EXPECT_NE(busy.err.find("is running now"), std::string::npos) << busy.err;
  database_.Run("UPDATE billing_jobs SET last_error = 'it broke' WHERE job = 'rollup'");
  EXPECT_EQ(Run({"jobs", "list"}).status, 3);  // a failing job wants attention
}

TEST_F(Billing, WrongArgumentsAreWrongUsage) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"rollup", "--period", "2023-13"},
                                                                     {"rollup", "--period", "October"},
                                                                     {"export"},
                                                                     {"export", "taxes"},
                                                                     {"export", "usage", "--period", "2023"},
                                                                     {"export", "usage", "--format", "pdf"},
                                                                     {"export", "usage", "invoices", "--output", "-"},
                                                                     {"reset-quotas", "--as-of", "2023-11-31"},
                                                                     {"reset-quotas", "--as-of", "tomorrow"},
                                                                     {"jobs", "run"}}) {
    const auto result = Run(arguments);
    EXPECT_EQ(result.status, 2) << arguments[0] << " " << arguments.back() << result.out;
    EXPECT_EQ(result.out, "") << arguments[0];
    EXPECT_NE(result.err, "") << arguments[0];
  }
}

}  // namespace
}  // namespace billsync::testing
