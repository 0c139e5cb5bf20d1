// Usage and quota through a running service.
#include <gtest/gtest.h>

#include <algorithm>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/metrics_page.h"

namespace billsync::testing {
namespace {

constexpr const char* kUser = "00000000-0000-4000-8000-000000000001";

void AddTeam(TestDatabase& database) {
  AddUser(database, 1, "ada");
  const std::string user = kUser;
  database.Run(
      "INSERT INTO teams (id, name, slug, owner_id) VALUES ('00000000-0000-4000-8000-000000000101', 't', 't', '" +
      user +
      "'); INSERT INTO agents (id, team_id, name, slug, spec_content, created_by) VALUES "
      "('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000101', 'a', 'a', '#', '" +
      user + "')");
}

void AddRun(TestDatabase& database) {
  database.Run(
      "INSERT INTO agent_runs (agent_id, user_id, team_id, input, status, completed_at, cost_usd) VALUES "
      "('00000000-0000-4000-8000-000000000201', '" +
      std::string(kUser) + "', '00000000-0000-4000-8000-000000000101', 'x', 'completed', now(), 0.25)");
}

std::string Runs(TestDatabase& database) {
  return database.Value("SELECT coalesce(sum(total_runs), 0) FROM billing_usage");
}

TEST(UsageService, PublishesACommittedRunWithinFiveSeconds) {
  TestDatabase database;
  AddTeam(database);
  RunningService service(database.url());
  for (int run = 1; run <= 3; ++run) {
    AddRun(database);
    EXPECT_TRUE(Eventually([&] { return Runs(database) == std::to_string(run); })) << run;
  }
}

// The other jobs run beside it: here one of them waits for a lock that the test holds.
TEST(UsageService, PublishesWithinASecondWhenToldToWhateverOtherJobsDo) {
  TestDatabase database;
  AddTeam(database);
  const Workplace place;
  const std::string config =
      place.Put("fast.toml", ReadSource("fixtures/demo/billsync.toml") + "\n[jobs]\nrollup_every_s = 0.2\n");
  const auto blocker = database.Connect();
  db::Transaction held(*blocker);
  held.Exec("test", "LOCK TABLE billing_usage_checks IN ACCESS EXCLUSIVE MODE", {});
  RunningService service(database.url(), {}, config);
  ASSERT_TRUE(Eventually([&] { return database.Value("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted") == "t"; }));
  std::vector<int64_t> took;
  for (int run = 1; run <= 9; ++run) {
    AddRun(database);
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(Eventually([&] { return Runs(database) == std::to_string(run); })) << run;
    took.push_back(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun).count());
  }
  std::ranges::sort(took);
  EXPECT_LT(took[took.size() / 2], 1000);
}

TEST(UsageService, TellsAUsersEntitlement) {
  TestDatabase database;
  AddTeam(database);
  database.Run("UPDATE users SET monthly_runs_quota = 5, monthly_runs_used = 2");
  EXPECT_EQ(database.Value(std::string("SELECT try_consume_run('") + kUser + "')"), "allow");
  RunningService service(database.url());
  const auto get = [&](const std::string& id, const std::string& token) {
    return Get(service.admin_port(), "/api/v1/users/" + id + "/entitlement", token);
  };
  const auto answer = get(kUser, kOpsToken);
  EXPECT_EQ(answer.status, 200) << answer.body;
  const auto user = ParsedJson(answer.body);
  EXPECT_EQ(Member(user, "decision"), "warn") << "the next run is the fourth of five";
  EXPECT_EQ(
      Member(user, "monthly_runs_quota") + " " + Member(user, "monthly_runs_used") + " " + Member(user, "reserved"),
      "5 2 1");
  EXPECT_EQ(get("00000000-0000-4000-8000-000000000009", kOpsToken).status, 404);
  EXPECT_EQ(get("ada", kOpsToken).status, 400);
  EXPECT_EQ(get(kUser, "").status, 401);
}

TEST(UsageService, ShowsTheDriftAndTheLagAsMetrics) {
  TestDatabase database;
  AddTeam(database);
  AddRun(database);
  database.Run("ALTER TABLE agent_runs DISABLE TRIGGER USER");
  AddRun(database);
  RunningService service(database.url());
  EXPECT_TRUE(Eventually([&] { return Metric(service, "billsync_usage_drift") == "1"; }));
  EXPECT_TRUE(Eventually([&] { return Metric(service, "billsync_rollup_lag_seconds") == "0"; }));
  EXPECT_EQ(Billsync(database, {"rollup", "--full"}).status, 0);
  EXPECT_EQ(Billsync(database, {"verify", "usage"}).status, 0);
  EXPECT_EQ(Metric(service, "billsync_usage_drift"), "0");
}

}  // namespace
}  // namespace billsync::testing
