// Rows that other transactions hold: they cost their own events a little time, and nobody else any.
#include <gtest/gtest.h>

#include <future>

#include "billsync/apply/entitlements.h"
#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

class LockedRowsTest : public ::testing::Test {
 protected:
  LockedRowsTest() {
    for (int user = 1; user <= 3; ++user) {
      AddUser(mirror_.database, user, {{"stripe_customer_id", "'cus_" + std::to_string(user) + "'"}});
    }
  }
  // A subscription of the user, told by `events` events, and an invoice.
  void Store(int user, int events) {
    const std::string n = std::to_string(user);
    for (int i = 0; i < events; ++i) {
      mirror_.Store(SubscriptionEvent{.event = "evt_s" + n + "_" + std::to_string(i),
                                      .created = kAsOfSeconds - 100 + i,
                                      .id = "sub_" + n,
                                      .customer = "cus_" + n}
                        .Body());
    }
    mirror_.Store(InvoiceEvent{.event = "evt_i" + n, .id = "in_" + n, .customer = "cus_" + n}.Body());
  }
  std::string Count(const std::string& condition) {
    return mirror_.database.Value("SELECT count(*) FROM stripe_events WHERE " + condition);
  }
  static std::string Lock(int user) { return "SELECT FROM users WHERE id = '" + UserId(user) + "' FOR UPDATE"; }

  Mirror mirror_;
};

TEST_F(LockedRowsTest, SetAsideTheEventsOfThatUserAndNobodyElses) {
  Store(1, 20);
  Store(2, 2);
  const auto platform = mirror_.database.Connect();
  db::Transaction holding(*platform);
  holding.Exec("test", Lock(1), {});
  const auto began = std::chrono::steady_clock::now();
  mirror_.Apply();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10)) << "not half a second an event";
  EXPECT_EQ(mirror_.PlanOf(2), "pro 1000");
  EXPECT_EQ(Count("status = 'applied'"), "3");
  EXPECT_EQ(Count("status = 'parked' AND reason = 'apply_failed' AND detail LIKE 'another transaction holds%'"), "21");
  holding.Commit();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() WHERE status = 'parked'");
  mirror_.Apply();
  EXPECT_EQ(Count("status = 'applied'"), "24");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(LockedRowsTest, OfThePlatformAreNeverWaitedForUntilItsTransactionDiesOfADeadlock) {
  Store(1, 1);
  Store(2, 1);
  const auto platform = mirror_.database.Connect();
  db::Transaction holding(*platform);
  holding.Exec("test", Lock(2), {});
  auto applied = std::async(std::launch::async, [&] { return mirror_.Apply(); });
  // The batch has locked user 1 and waits for user 2.
  while (mirror_.database.Value("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <> 'advisory'") == "0") {
    ASSERT_EQ(applied.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout) << "it did not wait";
  }
  // Longer than deadlock_timeout: had the batch waited on, its own look for a circle would be over, and it is the
  // platform's that would find one.
  holding.Exec("test", "SELECT pg_sleep(1.2)", {});
  EXPECT_NO_THROW(
      holding.Exec("test", "UPDATE users SET full_name = 'x' WHERE id = $1::uuid", db::Params::Of(UserId(1))));
  holding.Commit();
  applied.get();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() WHERE status = 'parked'");
  mirror_.Apply();
  EXPECT_EQ(Count("status = 'applied'"), "4");
}

TEST_F(LockedRowsTest, KeepNoOtherUserFromTheSweep) {
  mirror_.database.Run(
      "INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason) SELECT id, 7, 'agreed' FROM users");
  const auto platform = mirror_.database.Connect();
  const auto options = DemoOptions();
  const auto sweep = [&] {
    return apply::SweepEntitlements(*mirror_.pool().Acquire(), options.plans, options.policy, kAsOf);
  };
  {
    db::Transaction holding(*platform);
    holding.Exec("test", Lock(1), {});
    EXPECT_THROW(sweep(), db::Transient);
  }
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
  EXPECT_EQ(mirror_.PlanOf(2), "free 7");
  EXPECT_EQ(mirror_.PlanOf(3), "free 7");
  EXPECT_EQ(sweep(), 1);
  EXPECT_EQ(mirror_.PlanOf(1), "free 7");
}

// A user who can never be revised stays out, whoever follows.
TEST_F(LockedRowsTest, OrAUserWhomTheDatabaseRefusesKeepNoOtherFromTheSweep) {
  mirror_.database.Run("ALTER TABLE users ADD CONSTRAINT no_seven CHECK (monthly_runs_quota <> 7)");
  mirror_.database.Run(
      "INSERT INTO billing_quota_overrides (user_id, monthly_runs_quota, reason) SELECT id, CASE id WHEN '" +
      UserId(2) + "' THEN 7 ELSE 8 END, 'agreed' FROM users");
  const auto options = DemoOptions();
  EXPECT_THROW(apply::SweepEntitlements(*mirror_.pool().Acquire(), options.plans, options.policy, kAsOf), db::Bug);
  EXPECT_EQ(mirror_.PlanOf(1), "free 8");
  EXPECT_EQ(mirror_.PlanOf(2), "free 100");
  EXPECT_EQ(mirror_.PlanOf(3), "free 8");
}

}  // namespace
}  // namespace billsync::testing
