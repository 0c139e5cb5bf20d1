// What may be asked for, by the names of the command line and the API.
#include "billsync/report/request.h"

#include <gtest/gtest.h>

#include <set>

namespace billsync::report {
namespace {

TEST(PeriodRange, IsAMonthOrARangeOfMonths) {
  EXPECT_EQ(PeriodRange::Parse("2026-10")->Text(), "2026-10");
  EXPECT_EQ(PeriodRange::Parse("2026-01..2026-10")->Text(), "2026-01..2026-10");
  EXPECT_EQ(PeriodRange::Parse("2026-10..2026-10")->Text(), "2026-10");
  for (const char* text : {"", "2026", "2026-10..", "..2026-10", "2026-10..2026-09", "2026-01...2026-10", "2026-01..x",
                           "1970-01..2026-10", "2026-10-01"}) {
    EXPECT_FALSE(PeriodRange::Parse(text)) << text;
  }
  EXPECT_TRUE(PeriodRange::Parse("1976-11..2026-10")) << "600 months";
}

TEST(ReportItem, RefusesWhatDoesNotExistAndSaysWhy) {
  EXPECT_FALSE(Refusal({Report::kUsage, Layout::kWide, Format::kXlsx}));
  EXPECT_FALSE(Refusal({Report::kAdjustments, Layout::kBreakdown, Format::kFocus}));
  EXPECT_TRUE(Refusal({Report::kMargin, Layout::kLong, Format::kCsv}));
  EXPECT_TRUE(Refusal({Report::kUsage, Layout::kLong, Format::kFocus}));
  EXPECT_NE(Refusal({Report::kMargin, Layout::kBreakdown, Format::kFocus})->find("no margin"), std::string::npos);
}

TEST(RowKey, HasTheShapeOfItsReport) {
  const std::string user = "00000000-0000-4000-8000-000000000001";
  const ReportItem usage{Report::kUsage}, lines{Report::kUsage, Layout::kLong}, wide{Report::kUsage, Layout::kWide};
  EXPECT_TRUE(IsRowKey(usage, user + "/2026-10-01"));
  EXPECT_TRUE(IsRowKey(wide, user + "/2026-10-01"));
  EXPECT_TRUE(IsRowKey(lines, user + "/2026-10-01/any/model at all"));
  EXPECT_TRUE(IsRowKey({Report::kInvoices}, "2026-10-05T12:00:00Z/in_1"));
  EXPECT_TRUE(IsRowKey({Report::kSubscriptions}, "2026-10/sub_1"));
  EXPECT_TRUE(IsRowKey({Report::kMargin}, user + "/2026-10"));
  EXPECT_TRUE(IsRowKey({Report::kAdjustments}, "00000000000000000012"));
  for (const std::string& text :
       {std::string("x"), std::string(""), user, user + "/", user + "/2026-13-01", user + "/2026-10-0x",
        std::string("ada/2026-10-01"), std::string("in_1"), std::string("yesterday/in_1"),
        std::string("2026-10-05/in_1"), std::string("2026-10-05T12:00:00Z"), std::string("2026-10-05T12:00:00Z/"),
        std::string("2026-13/sub_1"), std::string("2026-10/"), std::string("12"),
        std::string("0000000000000000001x")}) {
    for (const Report report : kAllReports) EXPECT_FALSE(IsRowKey({report}, text)) << Name(report) << " " << text;
    EXPECT_FALSE(IsRowKey(lines, text)) << text;
  }
  EXPECT_FALSE(IsRowKey(usage, user + "/2026-10-01/model"));
  EXPECT_FALSE(IsRowKey(lines, user + "/2026-10-01"));
}

TEST(FileName, TellsReportLayoutPeriodAndFormat) {
  const auto year = PeriodRange::Parse("2026-01..2026-10").value();
  EXPECT_EQ(FileName({Report::kUsage}, PeriodRange::Of(year.last)), "usage-2026-10.csv");
  EXPECT_EQ(FileName({Report::kUsage, Layout::kWide, Format::kXlsx}, year), "usage-wide-2026-01_2026-10.xlsx");
  EXPECT_EQ(FileName({Report::kUsage, Layout::kBreakdown, Format::kFocus}, year), "usage-focus-2026-01_2026-10.csv");
}

TEST(PackItems, AreEveryReportOnceUnderNamesOfTheirOwn) {
  const auto items = PackItems({Format::kCsv, Format::kJsonLines, Format::kXlsx, Format::kFocus});
  std::set<std::string> names;
  for (const auto& item : items) {
    EXPECT_FALSE(Refusal(item));
    names.insert(FileName(item, PeriodRange::Parse("2026-10").value()));
  }
  EXPECT_EQ(names.size(), items.size());
  EXPECT_EQ(items.size(), 6U * 3 + 2);
}

TEST(Names, AreReadAsTheyAreWritten) {
  for (const Report report : kAllReports) EXPECT_EQ(ParseReport(Name(report)), report);
  for (const char* name : {"csv", "jsonl", "xlsx", "focus"}) EXPECT_EQ(Name(*ParseFormat(name)), name);
  for (const char* name : {"breakdown", "wide", "long"}) EXPECT_EQ(Name(*ParseLayout(name)), name);
  EXPECT_FALSE(ParseFormat("XLSX"));
  EXPECT_FALSE(ParseLayout(""));
}

}  // namespace
}  // namespace billsync::report
