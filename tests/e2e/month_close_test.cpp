// A month from its runs to finance's files, by the real program.
#include <gtest/gtest.h>

#include <filesystem>

#include "e2e/commands.h"
#include "e2e/json_text.h"

namespace billsync::testing {
namespace {

constexpr const char* kUser = "00000000-0000-4000-8000-000000000001";

class MonthClose : public ::testing::Test {
 protected:
  MonthClose() {
    AddUser(database_, 1, "ada");
    const std::string user = kUser;
    database_.Run(
        "INSERT INTO teams (id, name, slug, owner_id) VALUES ('00000000-0000-4000-8000-000000000101', 't', "
        "'t', '" +
        user +
        "'); INSERT INTO agents (id, team_id, name, slug, spec_content, created_by) VALUES "
        "('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000101', 'a', 'a', '#', '" +
        user + "')");
  }
  void AddRuns(int count, const std::string& cost, const std::string& at = "2023-10-15T12:00:00Z") {
    database_.Run(
        "INSERT INTO agent_runs (agent_id, user_id, team_id, input, status, created_at, completed_at, "
        "model_used, tokens_total, cost_usd) SELECT '00000000-0000-4000-8000-000000000201', '" +
        std::string(kUser) + "', '00000000-0000-4000-8000-000000000101', 'x', 'completed', '" + at + "', '" + at +
        "', 'gpt-4o', 10, " + cost + " FROM generate_series(1, " + std::to_string(count) + ")");
  }
  ProgramResult Run(std::vector<std::string> arguments) { return Billsync(database_, std::move(arguments)); }
  std::string UsageCsv() {
    const auto csv = Run({"export", "usage", "--period", "2023-10", "--output", "-"});
    EXPECT_EQ(csv.status, 0) << csv.err;
    return csv.out;
  }

  TestDatabase database_;
  const Workplace place_;
};

TEST_F(MonthClose, FreezesVerifiesAndExportsAndBooksWhatComesLater) {
  AddRuns(200, "0.0125");
  const auto close = Run({"close", "2023-10", "--output", place_.path(), "--json"});
  ASSERT_EQ(close.status, 0) << close.err;
  const auto closed = ParsedJson(close.out);
  EXPECT_EQ(Member(closed, "total_cost_usd"), "2.50");
  EXPECT_EQ(Member(closed, "total_runs"), "200");
  const std::string manifest_text = [&] {
    std::ifstream in(place_.path() + "/2023-10/manifest.json");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  const auto manifest = ParsedJson(manifest_text);
  EXPECT_EQ(Member(manifest, "period_state"), "closed");
  EXPECT_EQ(manifest["files"].Size(), 12U) << "five reports, usage twice, as CSV and XLSX";
  EXPECT_EQ(database_.Value("SELECT string_agg(step, ' ' ORDER BY step) FROM billing_close_steps"),
            "close export reset rollup verify");

  const std::string frozen = UsageCsv();
  AddRuns(1, "0.25");
  database_.Run("UPDATE users SET email = 'else@example.com', full_name = 'Somebody Else'");
  EXPECT_EQ(Run({"rollup"}).status, 0);
  EXPECT_EQ(UsageCsv(), frozen);
  EXPECT_THROW(database_.Run("UPDATE billing_usage SET total_cost_usd = 0"), db::Bug) << "not even as owner";

  const auto list = ParsedLines(Run({"adjust", "list", "--origin", "2023-10", "--json"}).out);
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(Member(list[0], "amount_usd"), "0.25");
  const std::string booked_in = Member(list[0], "booked_period");
  const auto book =
      Run({"adjust", "book", "--user", kUser, "--origin", "2023-10", "--amount", "-1.00", "--reason", "goodwill"});
  EXPECT_EQ(book.status, 0) << book.err;
  const auto exported = Run({"export", "adjustments", "--period", booked_in, "--output", "-"});
  EXPECT_EQ(exported.status, 0) << exported.err;
  EXPECT_NE(exported.out.find(",usage,2023-10,"), std::string::npos) << exported.out;
  EXPECT_NE(exported.out.find(",-1.00,-1.000000,{},goodwill,"), std::string::npos) << exported.out;
  EXPECT_EQ(Run({"verify", "usage"}).status, 0);

  const auto again = Run({"close", "2023-10", "--output", place_.path()});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_NE(again.out.find(Member(closed, "usage_sha256")), std::string::npos) << again.out;
}

TEST_F(MonthClose, VerifyPrintsTheDriftByUserMonthAndModelAndCloseRefuses) {
  AddRuns(2, "1");
  EXPECT_EQ(Run({"rollup"}).status, 0);
  const auto fine = Run({"verify", "usage", "--period", "2023-10"});
  EXPECT_EQ(fine.status, 0) << fine.err;
  EXPECT_EQ(fine.out, "1 months recomputed: no difference\n");
  database_.Run("ALTER TABLE agent_runs DISABLE TRIGGER USER");
  AddRuns(1, "3");
  database_.Run("ALTER TABLE agent_runs ENABLE TRIGGER USER");
  const auto found = Run({"verify", "usage", "--json"});
  EXPECT_EQ(found.status, 3);
  const auto check = ParsedJson(found.out);
  ASSERT_EQ(check["drifts"].Size(), 1U) << found.out;
  EXPECT_EQ(Member(check["drifts"][0], "user_id"), kUser);
  EXPECT_EQ(Member(check["drifts"][0], "model"), "gpt-4o");
  EXPECT_EQ(Member(check["drifts"][0], "cost_usd"), "3.0000");
  const auto table = Run({"verify", "usage"});
  EXPECT_NE(table.out.find("+3.0000"), std::string::npos) << table.out;
  const auto refused = Run({"close", "2023-10"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("is not closed"), std::string::npos) << refused.err;
  EXPECT_EQ(Run({"rollup", "--full"}).status, 0);
  EXPECT_EQ(Run({"verify", "usage"}).status, 0);
  EXPECT_EQ(Run({"close", "2023-10"}).status, 0);
}

TEST_F(MonthClose, RefusesWhatIsNotOverAndWrongArguments) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"close", "9998-01"},
           {"close", "October"},
           {"verify"},
           {"verify", "usage", "--period", "x"},
           {"adjust"},
           {"adjust", "list", "--user", "ada"},
           {"adjust", "book", "--user", kUser, "--origin", "2023-10", "--amount", "1.234", "--reason", "x"},
           {"adjust", "book", "--user", kUser, "--origin", "2023-10", "--amount", "1.23", "--reason", ""}}) {
    EXPECT_EQ(Run(arguments).status, 2) << arguments[0] << " " << arguments.back();
  }
  const auto open =
      Run({"adjust", "book", "--user", kUser, "--origin", "2023-10", "--amount", "1.23", "--reason", "x"});
  EXPECT_EQ(open.status, 1) << "the month is open";
  EXPECT_EQ(Run({"close"}).out, "No month is due to be closed.\n");
}

// The months billsync counted itself are closed by the job; serve is not asked.
TEST_F(MonthClose, TheJobClosesWhatIsDueAndNoHistory) {
  AddRuns(3, "1", "2023-10-15T12:00:00Z");
  AddRuns(3, "1", "2023-11-15T12:00:00Z");
  database_.Run("UPDATE billing_usage_fill SET installed_at = '2023-11-02'");
  const auto run = Run({"jobs", "run", "close", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(database_.Value("SELECT min(period_start) || ' ' || (max(period_start) < now()::date - 3) FROM "
                            "billing_periods WHERE closed_at IS NOT NULL"),
            "2023-11-01 true");
  EXPECT_EQ(database_.Value("SELECT total_cost_usd FROM billing_periods WHERE period_start = '2023-11-01'"), "3.00");
  EXPECT_EQ(Member(ParsedJson(Run({"jobs", "run", "close", "--json"}).out), "rows"), "0");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_usage_checks"), "2");
}

}  // namespace
}  // namespace billsync::testing
