// A month is checked and recomputed by two sessions, half of the users each.
#include <gtest/gtest.h>

#include "billsync/usage/rollup.h"
#include "billsync/usage/verify.h"
#include "platform_rows.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

const Instant kNow = ParseInstant("2026-11-20T12:00:00Z").value();
const auto kOctober = billing::Month::Parse("2026-10").value();
// The first of the lower half, its last, and both of the upper.
const std::vector<std::string> kUsers = {"00000000-0000-0000-0000-000000000000", "7fffffff-ffff-ffff-ffff-ffffffffffff",
                                         "80000000-0000-0000-0000-000000000000",
                                         "ffffffff-ffff-ffff-ffff-ffffffffffff"};

class UsageHalvesTest : public ::testing::Test {
 protected:
  UsageHalvesTest() {
    for (size_t i = 0; i < kUsers.size(); ++i) {
      AddUser(database_, static_cast<int>(i) + 1, {{"id", "'" + kUsers[i] + "'"}});
      Run(static_cast<int>(i) + 1, kUsers[i]);
    }
    usage::Rollup(*session_, kNow);
  }
  void Run(int number, const std::string& user, Columns columns = {}) {
    columns.emplace("user_id", "'" + user + "'");
    columns.emplace("status", "'completed'");
    columns.emplace("cost_usd", "1");
    columns.emplace("model_used", "'m'");
    columns.emplace("created_at", "'2026-10-05'");
    AddRun(database_, number, 1, columns);
  }
  // Without triggers, so that nothing is counted.
  void Unseen(const std::string& statement) {
    database_.Run("SET session_replication_role = replica; " + statement + "; SET session_replication_role = origin");
  }
  // "kind user's first digit cost" of each difference.
  std::string Drifts() {
    std::string text;
    for (const auto& drift : usage::VerifyMonth(*session_, kOctober).drifts) {
      text += (text.empty() ? "" : ", ") + std::string(usage::Name(drift.kind)) + " " + drift.user_id.substr(0, 1) +
              " " + drift.cost_usd;
    }
    return text;
  }

  TestDatabase database_;
  std::unique_ptr<db::Session> session_ = database_.Connect();
};

TEST_F(UsageHalvesTest, TellsTheDriftOfEveryUserInOneOrder) {
  EXPECT_EQ(Drifts(), "");
  Unseen("UPDATE agent_runs SET cost_usd = 3");
  Unseen("UPDATE billing_usage SET total_cost_exact_usd = 0.5");
  EXPECT_EQ(Drifts(),
            "unrecorded 0 2.0000, unrecorded 7 2.0000, unrecorded 8 2.0000, unrecorded f 2.0000, "
            "unpublished 0 0.5000, unpublished 7 0.5000, unpublished 8 0.5000, unpublished f 0.5000");
}

TEST_F(UsageHalvesTest, PutsBothHalvesRight) {
  Unseen("UPDATE agent_runs SET cost_usd = 3 WHERE user_id = '" + kUsers[3] + "'");
  EXPECT_EQ(Drifts(), "unrecorded f 2.0000");
  EXPECT_EQ(usage::RecomputeMonth(*session_, kOctober, kNow, {}), 1);
  EXPECT_EQ(Drifts(), "");
  Unseen("UPDATE agent_runs SET cost_usd = 4");
  EXPECT_EQ(usage::RecomputeMonth(*session_, kOctober, kNow, {}), 4);
  EXPECT_EQ(Drifts(), "");
}

TEST_F(UsageHalvesTest, TakesNothingAwayFromEitherHalfUnlessItIsTold) {
  Unseen("DELETE FROM agent_runs WHERE user_id IN ('" + kUsers[1] + "', '" + kUsers[2] + "')");
  const auto refused = usage::RecomputeMonth(*session_, kOctober, kNow, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().pairs, 2);
  EXPECT_EQ(usage::RecomputeMonth(*session_, kOctober, kNow, {.allow_decrease = true}), 2);
  EXPECT_EQ(Drifts(), "");
}

TEST_F(UsageHalvesTest, CountsWhatWaitsAndWhatIsDeletedOrHasNoDate) {
  int number = 10;
  for (const auto& user : kUsers) {
    Run(number++, user);
    Run(number++, user, {{"created_at", "NULL"}, {"completed_at", "'2026-10-31 23:59:59Z'"}});
  }
  database_.Run("DELETE FROM agent_runs WHERE right(id::text, 2)::int < 13");
  EXPECT_EQ(usage::RecomputeMonth(*session_, kOctober, kNow, {}), 4) << "what waited is drained and published";
  EXPECT_EQ(Drifts(), "");
  EXPECT_EQ(database_.Value("SELECT sum(total_cost_exact_usd) FROM billing_usage"), "12.0000");
}

}  // namespace
}  // namespace billsync::testing
