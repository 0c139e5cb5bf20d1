#include <gtest/gtest.h>

#include "billsync/report/export.h"

namespace billsync::report {
namespace {

TEST(CsvCell, QuotesByRfc4180AndDisarmsFormulas) {
  const struct {
    const char* text;
    const char* cell;
  } cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"two words", "two words"},
      {"Größe €", "Größe €"},
      {"a,b", "\"a,b\""},
      {"say \"hi\"", "\"say \"\"hi\"\"\""},
      {"\"", "\"\"\"\""},
      {"line\nbreak", "\"line\nbreak\""},
      {"line\r\nbreak", "\"line\r\nbreak\""},
      {"a;b", "a;b"},
      {"=1+1", "'=1+1"},
      {"+1", "'+1"},
      {"-1", "'-1"},
      {"@SUM(A1)", "'@SUM(A1)"},
      {"\tx", "'\tx"},
      {"\rx", "\"'\rx\""},
      {"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
      {"=", "'="},
      // Only the first character starts a formula.
      {"a=b", "a=b"},
      {"1-2", "1-2"},
      {"ada@example.com", "ada@example.com"},
      {"'=1", "'=1"},
  };
  for (const auto& c : cases) EXPECT_EQ(CsvCell(c.text), c.cell);
}

TEST(Report, HasTheNamesOfTheCommandLine) {
  EXPECT_EQ(ParseReport("usage"), Report::kUsage);
  EXPECT_EQ(ParseReport("invoices"), Report::kInvoices);
  EXPECT_FALSE(ParseReport("Usage"));
  EXPECT_FALSE(ParseReport(""));
}

}  // namespace
}  // namespace billsync::report
