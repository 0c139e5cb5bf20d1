#include "billsync/billing/month.h"

#include <gtest/gtest.h>

namespace billsync::billing {
namespace {

constexpr std::chrono::microseconds kTick{1};

Month Of(const char* text) {
  return *Month::Parse(text);
}

TEST(Month, ParsesYearAndMonthAndNothingElse) {
  for (const char* text : {"1970-01", "2026-10", "2026-12", "9998-12"}) {
    const auto month = Month::Parse(text);
    ASSERT_TRUE(month) << text;
    EXPECT_EQ(month->Text(), text);
    EXPECT_EQ(month->FirstDay(), std::string(text) + "-01");
  }
  for (const char* text :
       {"", "2026", "2026-1", "2026-00", "2026-13", "2026-10-01", "202610", "2026/10", "26-10", "1969-12", "9999-01",
        "2026-+1", "2026--1", "+026-10", "-026-10", " 026-10", "2026-1 ", "October"}) {
    EXPECT_FALSE(Month::Parse(text)) << text;
  }
}

TEST(Month, StepsAcrossTheTurnOfTheYear) {
  EXPECT_EQ(Of("2026-12").Next(), Of("2027-01"));
  EXPECT_EQ(Of("2027-01").Previous(), Of("2026-12"));
  EXPECT_EQ(Of("2026-03").Previous().Previous(), Of("2026-01"));
  EXPECT_LT(Of("2026-12"), Of("2027-01"));
  EXPECT_LT(Of("2026-09"), Of("2026-10"));
}

TEST(Month, IsHalfOpen) {
  for (const char* text : {"2024-02", "2026-02", "2026-10", "2026-12", "1970-02"}) {
    const Month month = Of(text);
    EXPECT_EQ(Month::Of(month.Start()), month);
    EXPECT_EQ(Month::Of(month.Start() - kTick), month.Previous());
    EXPECT_EQ(Month::Of(month.End() - kTick), month);
    EXPECT_EQ(Month::Of(month.End()), month.Next());
    EXPECT_EQ(month.End(), month.Next().Start());
  }
}

TEST(Month, KnowsLeapYears) {
  const auto length = [](const char* text) { return (Of(text).End() - Of(text).Start()) / std::chrono::hours(24); };
  EXPECT_EQ(length("2024-02"), 29);
  EXPECT_EQ(length("2026-02"), 28);
  EXPECT_EQ(length("2100-02"), 28);
  EXPECT_EQ(length("2026-12"), 31);
  EXPECT_EQ(FormatInstant(Of("2026-10").Start()), "2026-10-01T00:00:00.000000Z");
}

}  // namespace
}  // namespace billsync::billing
