// Sums of a CSV text, by another reader than its writer.
#include "report/csv_sums.h"

#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>

namespace billsync::report {
namespace {

std::string Sum(const std::string& csv, const std::string& column, const std::string& currency = "USD") {
  CsvSums sums({"cost", "runs"});
  std::ostream(&sums) << csv;
  return sums.Of(currency, column).Text();
}

TEST(CsvSums, AddsTheColumnsItWasAskedFor) {
  const std::string csv = "user,runs,cost,other\r\na,2,0.1,9\r\nb,3,0.2,9\r\n";
  EXPECT_EQ(Sum(csv, "cost"), "0.300000");
  EXPECT_EQ(Sum(csv, "runs"), "5.000000");
  EXPECT_EQ(Sum(csv, "other"), "0.000000");
}

TEST(CsvSums, ReadsQuotesAsTheyAreMeant) {
  const std::string csv = "name,cost\r\n\"a,5\"\"\r\n,7\",1\r\n\"\",2\r\n\"\"\"\",\"3\"\r\n";
  EXPECT_EQ(Sum(csv, "cost"), "6.000000");
}

TEST(CsvSums, KeepsCurrenciesApart) {
  const std::string csv = "currency,cost\r\nEUR,1\r\nUSD,2\r\nEUR,-0.25\r\n";
  EXPECT_EQ(Sum(csv, "cost", "EUR"), "0.750000");
  EXPECT_EQ(Sum(csv, "cost", "USD"), "2.000000");
}

TEST(CsvSums, RefusesARecordThatHasLostAColumnAndWhatIsNoNumber) {
  CsvSums sums({"cost"});
  std::ostream out(&sums);
  out.exceptions(std::ios::badbit);
  EXPECT_THROW(out << "a,cost\r\n1\r\n", std::runtime_error);
  for (const char* text : {"", "x", "1.2345678", "--1", "1e3", "-", ".5", "+1"}) {
    EXPECT_THROW(DecimalSum().Add(text), std::runtime_error) << text;
  }
}

TEST(DecimalSum, IsExactAcrossSigns) {
  DecimalSum sum, same;
  for (const char* text : {"0.000001", "-1", "0.9", "-0.000001", "123456789012345678.999999", "-123456789012345678"}) {
    sum.Add(text);
  }
  same.Add("0.899999");
  EXPECT_EQ(sum.Text(), "0.899999");
  EXPECT_TRUE(sum == same);
  same.Add("0.000001");
  EXPECT_FALSE(sum == same);
  DecimalSum negative;
  negative.Add("1");
  negative.Add("-2.5");
  EXPECT_EQ(negative.Text(), "-1.500000");
}

}  // namespace
}  // namespace billsync::report
