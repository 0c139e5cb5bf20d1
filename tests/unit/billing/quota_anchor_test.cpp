#include "billsync/billing/quota_anchor.h"

#include <gtest/gtest.h>

namespace billsync::billing {
namespace {

TEST(QuotaAnchor, IsTheDayOfTheMonthInUtcOnWhichTheUserIsBilled) {
  const auto day = [](const char* anchor, std::optional<std::string> interval) {
    return BillingDay(ParseInstant(anchor), interval).value_or(0);
  };
  EXPECT_EQ(day("2026-11-20T12:00:00Z", "month"), 20);
  EXPECT_EQ(day("2026-01-31T23:59:59Z", "month"), 31);
  EXPECT_EQ(day("2024-02-29T00:00:00Z", "year"), 29);
  EXPECT_EQ(day("1970-01-01T00:00:00Z", std::nullopt), 1);
  EXPECT_EQ(day("2026-11-20T12:00:00Z", "week"), 0) << "every week is no day of the month";
  EXPECT_EQ(day("2026-11-20T12:00:00Z", "day"), 0);
  EXPECT_EQ(BillingDay(std::nullopt, "month"), std::nullopt);
}

TEST(QuotaAnchor, IsTheConfiguredDayWhereTheAnchorsMonthHidesIt) {
  const auto day = [](const char* anchor, int configured) {
    return BillingDay(ParseInstant(anchor), "month", configured).value_or(0);
  };
  EXPECT_EQ(day("2026-11-30T10:00:00Z", 31), 31);
  EXPECT_EQ(day("2027-02-28T10:00:00Z", 31), 31);
  EXPECT_EQ(day("2027-02-28T10:00:00Z", 29), 29);
  EXPECT_EQ(day("2028-02-29T10:00:00Z", 30), 30);
  EXPECT_EQ(day("2026-11-15T10:00:00Z", 15), 15);
  EXPECT_EQ(day("2026-11-30T10:00:00Z", 15), 30) << "of another anchor";
  EXPECT_EQ(day("2026-10-30T10:00:00Z", 31), 30) << "October has a 31st";
  EXPECT_EQ(BillingDay(ParseInstant("2026-11-30T10:00:00Z"), "week", 31), std::nullopt);
}

}  // namespace
}  // namespace billsync::billing
