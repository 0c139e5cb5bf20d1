#include "billsync/admin/login_limit.h"

#include <gtest/gtest.h>

namespace billsync::admin {
namespace {

const LoginLimit::Moment kStart{std::chrono::hours(1)};

TEST(LoginLimit, RefusesAfterTenFailuresForAMinute) {
  LoginLimit limit;
  for (int i = 0; i < LoginLimit::kFailures; ++i) {
    EXPECT_TRUE(limit.MayTry("10.0.0.1", kStart)) << i;
    limit.NoteFailure("10.0.0.1", kStart);
  }
  EXPECT_FALSE(limit.MayTry("10.0.0.1", kStart + LoginLimit::kWindow - std::chrono::milliseconds(1)));
  EXPECT_TRUE(limit.MayTry("10.0.0.2", kStart));
  EXPECT_TRUE(limit.MayTry("10.0.0.1", kStart + LoginLimit::kWindow));
}

TEST(LoginLimit, TakesANetworkOfVersion6ForOnePeer) {
  LoginLimit limit;
  for (int i = 0; i < LoginLimit::kFailures; ++i) limit.NoteFailure("2001:db8:1:2::" + std::to_string(i), kStart);
  EXPECT_FALSE(limit.MayTry("2001:db8:1:2:ffff::1", kStart));
  EXPECT_TRUE(limit.MayTry("2001:db8:1:3::1", kStart));
}

TEST(LoginLimit, RemembersNoMorePeersThanItSays) {
  LoginLimit limit;
  for (size_t i = 0; i < LoginLimit::kPeers + 10; ++i) limit.NoteFailure("peer " + std::to_string(i), kStart);
  EXPECT_FALSE(limit.MayTry("a newcomer", kStart));
  EXPECT_TRUE(limit.MayTry("a newcomer", kStart + LoginLimit::kWindow));
}

}  // namespace
}  // namespace billsync::admin
