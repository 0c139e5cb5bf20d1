#include "cli/rebase.h"

#include <gtest/gtest.h>

namespace billsync::cli {
namespace {

TEST(Rebase, ShiftsUnixTimesAndKeepsTheirSpans) {
  EXPECT_EQ(ShiftUnixTimes(R"({"created":1794066000,"period":[1794066000,1796658000]})", 1000),
            R"({"created":1794067000,"period":[1794067000,1796659000]})");
  EXPECT_EQ(ShiftUnixTimes("1794066000", -66000), "1794000000");
  EXPECT_EQ(ShiftUnixTimes("[1500000000,4102444799]", 1), "[1500000001,4102444800]");
}

TEST(Rebase, LeavesStringsAlone) {
  for (const char* text :
       {R"({"id":"evt_1794066000","t":"1794066000"})", R"({"a":"say \"1794066000\" now"})", R"(["\\",  "1794066000" ])",
        R"({"1794066000":"key"})", R"({"created":"2026-11-09T08:30:00.000Z"})", R"(["1\u0031794066000"])"}) {
    EXPECT_EQ(ShiftUnixTimes(text, 1000), text);
  }
  // A string that ends in an escaped backslash has ended.
  EXPECT_EQ(ShiftUnixTimes(R"(["\\",1794066000])", 1), R"(["\\",1794066001])");
}

TEST(Rebase, LeavesAmountsAndOtherNumbersAlone) {
  for (const char* text :
       {R"({"amount":2900,"quantity":1,"big":999999999})", "[1499999999,4102444800]", "[1794066000000,17940660000]",
        "[1794066000.5,1794066000e1,-1794066000,1.794066000]", "[179406600,0,-1]", "[true,false,null]", "", "{}"}) {
    EXPECT_EQ(ShiftUnixTimes(text, 1000), text);
  }
}

TEST(Rebase, LeavesWhitespaceAndBytesAlone) {
  EXPECT_EQ(ShiftUnixTimes("{\r\n\t\"ä\" : 1794066000 ,\n \"b\":\"é\" }\n", 0),
            "{\r\n\t\"ä\" : 1794066000 ,\n \"b\":\"é\" }\n");
}

}  // namespace
}  // namespace billsync::cli
