// Sessions: who may be let in without a token in hand.
#include "billsync/admin/identity.h"

#include <gtest/gtest.h>

#include "billsync/admin/token_guard.h"

namespace billsync::admin {
namespace {

const Instant kNow = *ParseInstant("2026-11-22T12:00:00Z");

Token Ops(const std::string& secret) {
  return {Role::kOps, Secret(secret)};
}

http::Request WithCookie(const std::string& session) {
  http::Request request;
  request.method = "GET";
  request.headers = {{"Cookie", "other=1; " + std::string(kSessionCookie) + "=" + session}, {"Host", "desk:8081"}};
  return request;
}

TEST(Session, IsAcceptedByEveryProcessWithTheSameTokenUntilItEnds) {
  const std::string session = SessionKey(Ops("secret")).Sign(kNow + kSessionLife);
  const auto elsewhere = SessionKey(Ops("secret")).Check(session, kNow + kSessionLife - std::chrono::seconds(1));
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->role, Role::kOps);
  EXPECT_TRUE(elsewhere->by_cookie);
  EXPECT_FALSE(SessionKey(Ops("secret")).Check(session, kNow + kSessionLife));
}

TEST(Session, EndsWhenItsTokenIsReplacedOrChangesItsRole) {
  const std::string session = SessionKey(Ops("secret")).Sign(kNow + kSessionLife);
  EXPECT_FALSE(SessionKey(Ops("another")).Check(session, kNow));
  EXPECT_FALSE(SessionKey({Role::kFinance, Secret("secret")}).Check(session, kNow));
}

TEST(Session, IsRefusedWithAnyByteChanged) {
  const SessionKey key(Ops("secret"));
  const std::string session = key.Sign(kNow + kSessionLife);
  for (size_t i = 0; i < session.size(); ++i) {
    std::string altered = session;
    altered[i] = altered[i] == '0' ? '1' : '0';
    EXPECT_FALSE(key.Check(altered, kNow)) << i;
  }
  for (const char* text : {"", ".", "..", "...", "a.b.c.d", "a.99999999999999999999.b.c"})
    EXPECT_FALSE(key.Check(text, kNow));
}

TEST(Session, HasItsOwnFormTokenAndNeverTheSameTwice) {
  const SessionKey key(Ops("secret"));
  const std::string one = key.Sign(kNow + kSessionLife), other = key.Sign(kNow + kSessionLife);
  EXPECT_NE(one, other);
  EXPECT_NE(key.Check(one, kNow)->csrf, key.Check(other, kNow)->csrf);
  EXPECT_EQ(one.find("secret"), std::string::npos);
}

TEST(TokenGuard, KnowsABrowserByItsCookieAndAProgramByItsToken) {
  const TokenGuard guard({Ops("secret"), {Role::kFinance, Secret("less")}}, [] { return kNow; });
  const auto session = guard.OpenSession("less");
  ASSERT_TRUE(session);
  EXPECT_FALSE(guard.OpenSession("wrong"));
  EXPECT_EQ(guard.Identify(WithCookie(*session))->role, Role::kFinance);
  auto both = WithCookie(*session);
  both.headers.emplace_back("Authorization", "Bearer secret");
  EXPECT_EQ(guard.Identify(both)->role, Role::kOps);
  both.headers.back().second = "Bearer wrong";
  EXPECT_FALSE(guard.Identify(both)) << "a wrong token is not mended by a cookie";
}

TEST(TokenGuard, RefusesForgedForms) {
  const TokenGuard guard({Ops("secret")}, [] { return kNow; });
  auto request = WithCookie(*guard.OpenSession("secret"));
  request.method = "POST";
  const auto identity = *guard.Identify(request);
  EXPECT_NE(ForgedBecause(identity, request), "") << "no form token";
  request.body = "id=evt_1&csrf=" + identity.csrf;
  EXPECT_EQ(ForgedBecause(identity, request), "");
  request.headers.emplace_back("Origin", "https://desk:8081");
  EXPECT_EQ(ForgedBecause(identity, request), "");
  for (const char* origin : {"https://evil.example", "null", "https://desk", "https://desk:8081.evil.example"}) {
    request.headers.back().second = origin;
    EXPECT_NE(ForgedBecause(identity, request), "") << origin;
  }
  request.headers.pop_back();
  request.headers.emplace_back("Sec-Fetch-Site", "cross-site");
  EXPECT_NE(ForgedBecause(identity, request), "");
  EXPECT_EQ(ForgedBecause(*guard.IdentifyToken("secret"), request), "") << "a bearer token no site can send";
}

}  // namespace
}  // namespace billsync::admin
