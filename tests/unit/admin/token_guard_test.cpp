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
  for (const char* scheme : {"bearer", "BEARER", "bEaReR"}) {
    EXPECT_EQ(guard.RoleOf(std::string(scheme) + " ops-token-1"), Role::kOps) << scheme;
  }
  for (const char* header : {"", "Bearer", "Bearer ", "Bearer  ops-token-1", "Bearer ops-token-1 ", "Bearer ops-token-",
                             "Bearer ops-token-11", "Bearer OPS-TOKEN-1", "ops-token-1", "bearer", "[earer ops-token-1",
                             "Basic ops-token-1", "Bearer ops-token-1,finance-token-1"}) {
    EXPECT_EQ(guard.RoleOf(header), std::nullopt) << header;
  }
  EXPECT_EQ(guard.RoleOf(std::nullopt), std::nullopt);
}

TEST(TokenGuard, GivesATokenOfTwoRolesTheHigherOne) {
  const TokenGuard guard({{Role::kOps, Secret("the-same-token")}, {Role::kFinance, Secret("the-same-token")}});
  EXPECT_EQ(guard.RoleOf("Bearer the-same-token"), Role::kOps);
}

http::Request RequestOf(const std::string& peer, const std::string& authorization) {
  http::Request request;
  request.remote_addr = peer;
  if (!authorization.empty()) request.headers = {{"Authorization", authorization}};
  return request;
}

TEST(TokenGuard, LimitsWrongTokensOfAPeerAndLetsTheRightOneInAllTheSame) {
  const TokenGuard guard({{Role::kOps, Secret("ops-token-1")}});
  for (int i = 0; i < LoginLimit::kFailures; ++i) {
    EXPECT_EQ(guard.RefuseUnknown(RequestOf("10.0.0.1", "bearer x" + std::to_string(i))).status, 401) << i;
  }
  const auto limited = guard.RefuseUnknown(RequestOf("10.0.0.1", "Bearer y"));
  EXPECT_EQ(limited.status, 429);
  ASSERT_EQ(limited.headers.size(), 1U);
  EXPECT_EQ(limited.headers[0].first + ": " + limited.headers[0].second, "Retry-After: 60");
  EXPECT_EQ(guard.RefuseUnknown(RequestOf("10.0.0.1", "")).status, 401) << "who sends no token guesses none";
  EXPECT_EQ(guard.RefuseUnknown(RequestOf("10.0.0.2", "Bearer y")).status, 401);
  EXPECT_TRUE(guard.Identify(RequestOf("10.0.0.1", "Bearer ops-token-1")));
}

TEST(TokenGuard, LetsNobodyInWithoutTokens) {
  EXPECT_EQ(TokenGuard({}).RoleOf("Bearer "), std::nullopt);
  EXPECT_EQ(TokenGuard({}).RoleOf("Bearer x"), std::nullopt);
}

}  // namespace
}  // namespace billsync::admin
