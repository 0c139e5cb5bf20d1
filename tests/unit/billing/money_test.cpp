#include "billsync/billing/money.h"

#include <gtest/gtest.h>

#include <limits>

namespace billsync::billing {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

// Stripe's own list: ISO 4217 says 0 decimals of ISK and UGX, Stripe counts them in hundredths.
TEST(Money, KnowsHowManyDecimalsStripesMinorUnitHas) {
  for (const char* currency :
       {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}) {
    EXPECT_EQ(MinorUnitDecimals(currency), 0) << currency;
  }
  for (const char* currency : {"bhd", "jod", "kwd", "omr", "tnd"})
    EXPECT_EQ(MinorUnitDecimals(currency), 3) << currency;
  for (const char* currency : {"usd", "eur", "gbp", "isk", "ugx", "huf", "twd", "zzz", ""}) {
    EXPECT_EQ(MinorUnitDecimals(currency), 2) << currency;
  }
}

TEST(Money, PrintsMinorUnits) {
  const struct {
    int64_t minor;
    int decimals;
    const char* text;
  } cases[] = {{0, 2, "0.00"},
               {5, 2, "0.05"},
               {-5, 2, "-0.05"},
               {99, 2, "0.99"},
               {100, 2, "1.00"},
               {123456, 2, "1234.56"},
               {-123456, 2, "-1234.56"},
               {7, 0, "7"},
               {-7, 0, "-7"},
               {0, 0, "0"},
               {5, 3, "0.005"},
               {1234, 3, "1.234"},
               {kMax, 2, "92233720368547758.07"},
               {kMin, 2, "-92233720368547758.08"},
               {kMin, 0, "-9223372036854775808"}};
  for (const auto& c : cases) EXPECT_EQ(FormatMinor(c.minor, c.decimals), c.text);
}

TEST(Money, PrintsTheAmountsOfEachKindOfCurrency) {
  const auto text = [](int64_t minor, const char* currency) { return FormatMinor(minor, MinorUnitDecimals(currency)); };
  EXPECT_EQ(text(2900, "usd"), "29.00");
  EXPECT_EQ(text(2900, "jpy"), "2900");
  EXPECT_EQ(text(2900, "kwd"), "2.900");
  EXPECT_EQ(text(2900, "isk"), "29.00");
  EXPECT_EQ(text(2900, "ugx"), "29.00");
}

TEST(Money, MultipliesExactlyAndRoundsHalfAwayFromZero) {
  const struct {
    const char* unit;
    int64_t quantity;
    int64_t product;
  } cases[] = {
      {"2900", 1, 2900},
      {"2900", 0, 0},
      {"0", 9'999'999'999, 0},
      {"0.5", 1, 1},
      {"-0.5", 1, -1},
      {"0.5", -1, -1},
      {"0.4", 1, 0},
      {"-0.4", 1, 0},
      {"0.499999999999", 1, 0},
      {"0.500000000000", 1, 1},
      {"1.5", 1, 2},
      {"2.5", 1, 3},
      {"-2.5", 1, -3},
      {"0.05", 9, 0},
      {"0.05", 10, 1},
      {"0.05", 30, 2},  // once, at the end: not 30 times round(0.05)
      {"0.1", 3, 0},    // binary floating point would know 0.30000000000000004
      {"0.000000000001", 9'999'999'999, 0},
      {"0.00005", 9'999'999'999, 500'000},
      {"1.000000000001", 9'999'999'999, 9'999'999'999},
      {"007.5", 2, 15},
  };
  for (const auto& c : cases)
    EXPECT_EQ(MultiplyDecimal(c.unit, c.quantity), c.product) << c.unit << " × " << c.quantity;
}

TEST(Money, SaysWhenAProductDoesNotFit) {
  EXPECT_EQ(MultiplyDecimal("922337203685477.5807", 10'000), kMax);
  EXPECT_FALSE(MultiplyDecimal("922337203685477.5808", 10'000));
  EXPECT_EQ(MultiplyDecimal("-922337203685477.5808", 10'000), kMin);
  EXPECT_FALSE(MultiplyDecimal("-922337203685477.5809", 10'000));
  EXPECT_FALSE(MultiplyDecimal("999999999999999", 9'999'999'999));
  EXPECT_FALSE(MultiplyDecimal("-999999999999999.999999999999", 9'999'999'999));
  EXPECT_FALSE(MultiplyDecimal("1", 10'000'000'000));
  EXPECT_FALSE(MultiplyDecimal("1", kMin));
  EXPECT_FALSE(MultiplyDecimal("1000000000000000", 1));
}

TEST(Money, RefusesWhatIsNoDecimal) {
  for (const char* text : {"", "-", ".", ".5", "5.", "--1", "+1", " 1", "1 ", "1e3", "1,5", "0x1", "1.2.3", "1.-5",
                           "NaN", "Infinity", "0.0000000000001"}) {
    EXPECT_FALSE(MultiplyDecimal(text, 1)) << text;
  }
}

}  // namespace
}  // namespace billsync::billing
