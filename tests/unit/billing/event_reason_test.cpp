#include "billsync/billing/event_reason.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace billsync::billing {
namespace {

// The texts stand in stripe_events.reason, in dashboards and in scripts: a change here breaks them.
TEST(EventReason, HasAStableCodeForEach) {
  EXPECT_EQ(Code(IgnoreReason::kTypeNotUsed), "type_not_used");
  EXPECT_EQ(Code(IgnoreReason::kThinEvent), "thin_event");
  EXPECT_EQ(Code(IgnoreReason::kOtherMode), "other_mode");
  EXPECT_EQ(Code(IgnoreReason::kNoObjectId), "no_object_id");
  EXPECT_EQ(Code(IgnoreReason::kNoCustomer), "no_customer");
  EXPECT_EQ(Code(ParkReason::kUnknownCustomer), "unknown_customer");
  EXPECT_EQ(Code(ParkReason::kUnmappedPrice), "unmapped_price");
  EXPECT_EQ(Code(ParkReason::kMissingExchangeRate), "missing_exchange_rate");
  EXPECT_EQ(Code(ParkReason::kUnreadableShape), "unreadable_shape");
  EXPECT_EQ(Code(ParkReason::kApplyFailed), "apply_failed");
}

TEST(EventReason, HasNoCodeTwiceAndAWayOutOfEveryPark) {
  std::set<std::string> seen, ways;
  for (const auto reason : {IgnoreReason::kTypeNotUsed, IgnoreReason::kThinEvent, IgnoreReason::kOtherMode,
                            IgnoreReason::kNoObjectId, IgnoreReason::kNoCustomer}) {
    EXPECT_TRUE(seen.emplace(Code(reason)).second) << Code(reason);
  }
  for (const auto reason : {ParkReason::kUnknownCustomer, ParkReason::kUnmappedPrice, ParkReason::kMissingExchangeRate,
                            ParkReason::kUnreadableShape, ParkReason::kApplyFailed}) {
    EXPECT_TRUE(seen.emplace(Code(reason)).second) << Code(reason);
    EXPECT_TRUE(ways.emplace(WayOut(reason)).second) << Code(reason);
  }
  EXPECT_FALSE(seen.contains(""));
  EXPECT_FALSE(ways.contains(""));
}

TEST(EventReason, BacksOffFromOneSecondDoublingToTenMinutesOrAnHourWhereSomethingReleasesIt) {
  const struct {
    int attempts;
    int64_t seconds, released_seconds;
  } cases[] = {{0, 1, 1},      {1, 1, 1},       {2, 2, 2},       {3, 4, 4},       {9, 256, 256},
               {10, 512, 512}, {11, 600, 1024}, {12, 600, 2048}, {13, 600, 3600}, {100'000, 600, 3600},
               {-1, 1, 1}};
  for (const auto& c : cases) {
    for (const auto reason : {ParkReason::kUnmappedPrice, ParkReason::kUnreadableShape, ParkReason::kApplyFailed}) {
      EXPECT_EQ(BackOff(c.attempts, reason).count(), c.seconds) << c.attempts;
    }
    for (const auto reason : {ParkReason::kUnknownCustomer, ParkReason::kMissingExchangeRate}) {
      EXPECT_EQ(BackOff(c.attempts, reason).count(), c.released_seconds) << c.attempts;
    }
  }
}

}  // namespace
}  // namespace billsync::billing
