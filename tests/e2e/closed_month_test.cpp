// A closed month says the same on the page, in the API, in its files and in the database, also after a late run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "e2e/commands.h"
#include "e2e/json_text.h"

namespace billsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kUser = "00000000-0000-4000-8000-000000000001";

void AddRuns(TestDatabase& database, int count, const std::string& model, const std::string& cost,
             const std::string& at) {
  database.Run(
      "INSERT INTO agent_runs (agent_id, user_id, team_id, input, status, created_at, completed_at, model_used, "
      "tokens_total, cost_usd) SELECT '00000000-0000-4000-8000-000000000201', '" +
      kUser + "', '00000000-0000-4000-8000-000000000101', 'x', 'completed', " + at + ", " + at + ", '" + model +
      "', 10, " + cost + " FROM generate_series(1, " + std::to_string(count) + ")");
}

// The page as somebody of ops sees it in a browser.
std::string Page(const RunningService& service, const std::string& path) {
  httplib::Client client("127.0.0.1", service.admin_port());
  const auto login = client.Post("/login", std::string("token=") + kOpsToken, "application/x-www-form-urlencoded");
  const std::string cookie = login->get_header_value("Set-Cookie");
  return client.Get(path, {{"Cookie", cookie.substr(0, cookie.find(';'))}, {"Accept", "text/html"}})->body;
}

TEST(ClosedMonth, SaysTheSameOnThePageInTheApiInItsFilesAndInTheDatabase) {
  TestDatabase database;
  const Workplace place;
  AddUser(database, 1, "ada");
  database.Run(
      "INSERT INTO teams (id, name, slug, owner_id) VALUES ('00000000-0000-4000-8000-000000000101', 't', 't', '" +
      kUser +
      "'); INSERT INTO agents (id, team_id, name, slug, spec_content, created_by) VALUES "
      "('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000101', 'a', 'a', '#', '" +
      kUser + "')");
  const std::string month =
      database.Value("SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month', 'YYYY-MM')");
  const std::string last_day = "(timestamptz '" + month + "-01 12:00:00Z' + interval '27 days')";
  AddRuns(database, 1200, "gpt-4o", "0.0082", last_day);
  AddRuns(database, 2, "o1", "0.6685", last_day);
  ASSERT_EQ(Billsync(database, {"close", month}).status, 0);
  RunningService service(database.url(), {{"BILLSYNC_ADMIN_TOKEN", std::string("ops=") + kOpsToken}});
  const auto api = [&](const std::string& path) {
    const auto answer = Get(service.admin_port(), "/api/v1/" + path, kOpsToken);
    EXPECT_EQ(answer.status, 200) << path << answer.body;
    return answer.body;
  };
  const std::string before = api("usage/explore?period=" + month);

  AddRuns(database, 1, "late", "1.0064", last_day);
  database.Run(
      "UPDATE agent_runs SET cost_usd = 1 WHERE id = (SELECT id FROM agent_runs WHERE model_used = 'o1' LIMIT 1)");
  ASSERT_TRUE(Eventually(
      [&] { return database.Value("SELECT sum(amount_exact_usd)::text = '1.3379' FROM billing_adjustments") == "t"; }));

  EXPECT_EQ(api("usage/explore?period=" + month), before);
  const auto explored = ParsedJson(before);
  EXPECT_EQ(Member(explored["totals"][0], "total_runs"), "1202");
  EXPECT_EQ(Member(explored["totals"][0], "total_cost_exact_usd"), "11.1770");
  ASSERT_EQ(explored["models"].Size(), 2U);
  EXPECT_EQ(Member(explored["models"][0], "cost_usd"), "9.8400");
  EXPECT_EQ(Member(explored["models"][1], "cost_usd"), "1.3370");
  ASSERT_EQ(explored["days"].Size(), 2U);
  EXPECT_EQ(
      database.Value("SELECT total_runs || ' ' || total_cost_usd || ' ' || total_cost_exact_usd FROM billing_periods "
                     "WHERE period_start = '" +
                     month + "-01'"),
      "1202 11.18 11.1770");

  ASSERT_EQ(Billsync(database, {"export", "usage", "--period", month, "--output", place.path()}).status, 0);
  std::ifstream in(place.path() + "/manifest.json");
  const auto manifest = ParsedJson(std::string(std::istreambuf_iterator<char>(in), {}));
  const auto& control = manifest["files"][0]["control_totals"]["USD"];
  EXPECT_EQ(Member(control, "total_cost_exact_usd"), "11.177000");
  EXPECT_EQ(Member(control, "total_cost_usd"), "11.18");

  const auto overview = ParsedJson(api("overview"));
  for (const auto& one : overview["months"].GetArray()) {
    EXPECT_EQ(Member(one, "period") == month, Member(one, "cost_usd") == "11.1770") << Member(one, "cost_usd");
  }
  const auto margin = ParsedJson(api("margin?period=" + month));
  EXPECT_EQ(Member(margin["rows"][0], "cost_usd"), "11.177000");

  const std::string page = Page(service, "/usage?period=" + month);
  for (const char* part : {"$11.18", "exact: $11.1770", "9.8400", "1.3370", "Closed: these are the figures"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  EXPECT_THAT(page, Not(HasSubstr("late</a>"))) << "the model of a run that came later";
  EXPECT_THAT(Page(service, "/"), HasSubstr("<span title=\"$11.1770\">$11.18</span>"));
}

}  // namespace
}  // namespace billsync::testing
