#include <gtest/gtest.h>

#include "billsync/usage/adjustments.h"

namespace billsync::usage {
namespace {

TEST(AdjustmentAmount, IsDollarsAndWholeCentsThatAreNotZero) {
  for (const char* text : {"-12.50", "+3", "0.01", "-0.01", "7", "999999999999.99", "10", "100.00"}) {
    EXPECT_TRUE(IsAdjustmentAmount(text)) << text;
  }
  for (const char* text : {"", "-", "+", "0", "-0", "0.00", "+0.00", "000", "1.5", "1.505", ".50", "1.", "1,00", "1e2",
                           "--1", " 1", "1000000000000", "NaN", "$1"}) {
    EXPECT_FALSE(IsAdjustmentAmount(text)) << text;
  }
}

}  // namespace
}  // namespace billsync::usage
