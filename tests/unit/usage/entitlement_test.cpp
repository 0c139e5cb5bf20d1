// What a user may do, by numbers.
#include <gtest/gtest.h>

#include "billsync/usage/quota_reset.h"

namespace billsync::usage {
namespace {

using Decision = Entitlement::Decision;

Decision Decide(std::optional<int64_t> quota, int64_t used, int64_t reserved = 0) {
  return Entitlement{
      .user_id = "", .plan_tier = "", .quota = quota, .used = used, .reserved = reserved, .reset_date = {}}
      .Decide();
}

TEST(Entitlement, WarnsFromTheRunThatMakesFourFifths) {
  EXPECT_EQ(Decide(100, 78), Decision::kAllow);
  EXPECT_EQ(Decide(100, 79), Decision::kWarn);
  EXPECT_EQ(Decide(100, 99), Decision::kWarn);
  EXPECT_EQ(Decide(100, 100), Decision::kDeny);
  EXPECT_EQ(Decide(100, 500), Decision::kDeny);
}

TEST(Entitlement, CountsWhatIsReserved) {
  EXPECT_EQ(Decide(100, 40, 38), Decision::kAllow);
  EXPECT_EQ(Decide(100, 40, 39), Decision::kWarn);
  EXPECT_EQ(Decide(100, 0, 100), Decision::kDeny);
}

TEST(Entitlement, KnowsSmallQuotasAndNone) {
  EXPECT_EQ(Decide(0, 0), Decision::kDeny);
  EXPECT_EQ(Decide(1, 0), Decision::kWarn);
  EXPECT_EQ(Decide(std::nullopt, 1'000'000), Decision::kAllow);
  EXPECT_EQ(Decide(2'147'483'647, 0), Decision::kAllow);
}

}  // namespace
}  // namespace billsync::usage
