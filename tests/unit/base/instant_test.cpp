#include "billsync/base/instant.h"

#include <gtest/gtest.h>

#include <limits>

namespace billsync {
namespace {

using std::chrono::microseconds;

TEST(Instant, ParsesWhatItPrints) {
  const struct {
    const char* text;
    long long micros;
    const char* printed;
  } cases[] = {
      {"1970-01-01", 0, "1970-01-01T00:00:00.000000Z"},
      {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000Z"},
      {"1970-01-01T00:00:01.5Z", 1'500'000, "1970-01-01T00:00:01.500000Z"},
      {"2026-11-22T13:04:05.123456Z", 1'795'352'645'123'456, "2026-11-22T13:04:05.123456Z"},
      {"2024-02-29T23:59:59.000001Z", 1'709'251'199'000'001, "2024-02-29T23:59:59.000001Z"},
      {"2000-02-29", 951'782'400'000'000, "2000-02-29T00:00:00.000000Z"},
      {"9999-12-31T23:59:59Z", 253'402'300'799'000'000, "9999-12-31T23:59:59.000000Z"},
  };
  for (const auto& c : cases) {
    const auto parsed = ParseInstant(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(parsed->time_since_epoch().count(), c.micros) << c.text;
    EXPECT_EQ(FormatInstant(*parsed), c.printed) << c.text;
    EXPECT_EQ(ParseInstant(FormatInstant(*parsed)), parsed) << c.text;
  }
}

TEST(Instant, RefusesEverythingElse) {
  for (const char* text : {"",
                           "2026",
                           "2026-11",
                           "2026-11-2",
                           "2026-1-02",
                           "26-11-22",
                           "2026/11/22",
                           "2026-11-22T",
                           "2026-11-22 13:04:05Z",
                           "2026-11-22T13:04:05",
                           "2026-11-22T13:04:05+00:00",
                           "2026-11-22T13:04:05z",
                           "2026-11-22T13:04Z",
                           "2026-11-22T13:04:05.Z",
                           "2026-11-22T13:04:05.1234567Z",
                           "2026-11-22T13:04:05,5Z",
                           "2026-11-22T13:04:05Z ",
                           " 2026-11-22",
                           "2026-11-22x",
                           "2026-02-29",
                           "2100-02-29",
                           "2026-13-01",
                           "2026-00-10",
                           "2026-11-31",
                           "2026-11-00",
                           "2026-11-22T24:00:00Z",
                           "2026-11-22T23:60:00Z",
                           "2026-11-22T23:59:60Z",
                           "-026-11-22",
                           "+026-11-22",
                           "2026-11-22T-1:00:00Z",
                           "yesterday"}) {
    EXPECT_FALSE(ParseInstant(text)) << text;
  }
}

// A milliseconds value in a seconds field is the year 56,000; wrapped into 16 bits it would look like a plausible date.
TEST(Instant, RefusesMillisecondsInASecondsField) {
  EXPECT_FALSE(InstantFromUnixSeconds(1'794'066'000'000));
  EXPECT_FALSE(InstantFromUnixSeconds(1'794'066'000'000'000));
}

TEST(Instant, TakesUnixSecondsFrom1970ToTheEndOf9999) {
  EXPECT_EQ(InstantFromUnixSeconds(0), Instant{});
  EXPECT_EQ(FormatInstant(*InstantFromUnixSeconds(1'794'066'000)), "2026-11-07T15:40:00.000000Z");
  EXPECT_EQ(FormatInstant(*InstantFromUnixSeconds(253'402'300'799)), "9999-12-31T23:59:59.000000Z");
  for (const long long seconds :
       {-1LL, 253'402'300'800LL, std::numeric_limits<long long>::max(), std::numeric_limits<long long>::min()}) {
    EXPECT_FALSE(InstantFromUnixSeconds(seconds)) << seconds;
  }
}

TEST(Instant, RoundsDownToWholeSecondsOnBothSidesOfTheEpoch) {
  EXPECT_EQ(UnixSeconds(Instant{microseconds{1'999'999}}), 1);
  EXPECT_EQ(UnixSeconds(Instant{microseconds{-1}}), -1);
  EXPECT_EQ(FormatInstant(Instant{microseconds{-1}}), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace billsync
