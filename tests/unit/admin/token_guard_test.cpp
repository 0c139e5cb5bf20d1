#include "billsync/admin/token_guard.h"

#include <gtest/gtest.h>

namespace billsync::admin {
namespace {

TEST(TokenGuard, KnowsTheRoleOfABearerToken) {
  const TokenGuard guard({{Role::kFinance, Secret("finance-token-1")},
                          {Role::kOps, Secret("ops-token-1")},
                          {Role::kOps, Secret("ops-token-2")}});
  EXPECT_EQ(guard.RoleOf("Bearer finance-token-1"), Role::kFinance);
  EXPECT_EQ(guard.RoleOf("Bearer ops-token-1"), Role::kOps);
  EXPECT_EQ(guard.RoleOf("Bearer ops-token-2"), Role::kOps);
  for (const char* header : {"", "Bearer", "Bearer ", "Bearer  ops-token-1", "Bearer ops-token-1 ", "Bearer ops-token-",
                             "Bearer ops-token-11", "Bearer OPS-TOKEN-1", "ops-token-1", "Basic ops-token-1",
                             "Bearer ops-token-1,finance-token-1"}) {
    EXPECT_EQ(guard.RoleOf(header), std::nullopt) << header;
  }
  EXPECT_EQ(guard.RoleOf(std::nullopt), std::nullopt);
}

TEST(TokenGuard, GivesATokenOfTwoRolesTheHigherOne) {
  const TokenGuard guard({{Role::kOps, Secret("the-same-token")}, {Role::kFinance, Secret("the-same-token")}});
  EXPECT_EQ(guard.RoleOf("Bearer the-same-token"), Role::kOps);
}

TEST(TokenGuard, LetsNobodyInWithoutTokens) {
  EXPECT_EQ(TokenGuard({}).RoleOf("Bearer "), std::nullopt);
  EXPECT_EQ(TokenGuard({}).RoleOf("Bearer x"), std::nullopt);
}

}  // namespace
}  // namespace billsync::admin
