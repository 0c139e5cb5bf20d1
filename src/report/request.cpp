#include "billsync/report/request.h"

#include <algorithm>
#include <array>

#include "billsync/base/instant.h"
#include "billsync/base/parse.h"

namespace billsync::report {
namespace {

constexpr int kLongestPeriod = 600;

// The value of a list whose name is `name`.
template <typename T, size_t N>
std::optional<T> Named(const std::array<T, N>& all, std::string_view name) {
  for (const T one : all) {
    if (Name(one) == name) return one;
  }
  return std::nullopt;
}

bool IsDay(std::string_view text) {
  return text.size() == 10 && ParseInstant(std::string(text) + "T00:00:00Z").has_value();
}

}  // namespace

std::string_view Name(Report report) {
  switch (report) {
    case Report::kUsage:
      return "usage";
    case Report::kInvoices:
      return "invoices";
    case Report::kSubscriptions:
      return "subscriptions";
    case Report::kMargin:
      return "margin";
    case Report::kAdjustments:
      return "adjustments";
  }
  return "";
}

std::string_view Name(Format format) {
  switch (format) {
    case Format::kCsv:
      return "csv";
    case Format::kJsonLines:
      return "jsonl";
    case Format::kXlsx:
      return "xlsx";
    case Format::kFocus:
      return "focus";
  }
  return "";
}

std::string_view Name(Layout layout) {
  switch (layout) {
    case Layout::kBreakdown:
      return "breakdown";
    case Layout::kWide:
      return "wide";
    case Layout::kLong:
      return "long";
  }
  return "";
}

std::optional<Report> ParseReport(std::string_view name) {
  return Named(std::to_array(kAllReports), name);
}

std::optional<Format> ParseFormat(std::string_view name) {
  return Named(std::array{Format::kCsv, Format::kJsonLines, Format::kXlsx, Format::kFocus}, name);
}

std::optional<Layout> ParseLayout(std::string_view name) {
  return Named(std::array{Layout::kBreakdown, Layout::kWide, Layout::kLong}, name);
}

std::optional<PeriodRange> PeriodRange::Parse(std::string_view text) {
  const size_t dots = text.find("..");
  const auto first = billing::Month::Parse(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : billing::Month::Parse(text.substr(dots + 2));
  if (!first || !last || *last < *first) return std::nullopt;
  billing::Month month = *first;
  for (int months = 1; month < *last; ++months, month = month.Next()) {
    if (months == kLongestPeriod) return std::nullopt;
  }
  return PeriodRange{*first, *last};
}

std::string PeriodRange::Text() const {
  return IsOneMonth() ? first.Text() : first.Text() + ".." + last.Text();
}

std::optional<std::string> Refusal(const ReportItem& item) {
  if (item.layout != Layout::kBreakdown && item.report != Report::kUsage) {
    return "only usage has the layouts wide and long";
  }
  if (item.format != Format::kFocus) return std::nullopt;
  if (item.layout != Layout::kBreakdown) return "FOCUS has a layout of its own";
  if (item.report != Report::kUsage && item.report != Report::kAdjustments) {
    return "FOCUS describes cost: there is usage and adjustments in that format, and no " +
           std::string(Name(item.report));
  }
  return std::nullopt;
}

bool IsRowKey(const ReportItem& item, std::string_view text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string_view first = text.substr(0, slash), rest = text.substr(std::min(slash + 1, text.size()));
  switch (item.report) {
    case Report::kUsage: {
      if (!IsUuid(first)) return false;
      const size_t model = rest.find('/');  // of a row a model
      return IsDay(rest.substr(0, model)) && (item.layout == Layout::kLong) == (model != std::string_view::npos);
    }
    case Report::kInvoices:
      return first.ends_with('Z') && ParseInstant(first) && !rest.empty();
    case Report::kSubscriptions:
      return billing::Month::Parse(first) && !rest.empty();
    case Report::kMargin:
      return IsUuid(first) && billing::Month::Parse(rest);
    case Report::kAdjustments:
      return text.size() == 20 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  }
  return false;
}

std::string FileName(const ReportItem& item, const PeriodRange& period) {
  std::string name(Name(item.report));
  if (item.layout != Layout::kBreakdown) name += "-" + std::string(Name(item.layout));
  if (item.format == Format::kFocus) name += "-focus";
  name += "-" + period.first.Text();
  if (!period.IsOneMonth()) name += "_" + period.last.Text();
  return name + "." + std::string(item.format == Format::kFocus ? "csv" : Name(item.format));
}

std::vector<ReportItem> PackItems(const std::vector<Format>& formats) {
  std::vector<ReportItem> items;
  for (const Format format : formats) {
    for (const Report report : kAllReports) {
      for (const Layout layout : {Layout::kBreakdown, Layout::kLong}) {
        const ReportItem item{report, layout, format};
        if (!Refusal(item)) items.push_back(item);
      }
    }
  }
  return items;
}

}  // namespace billsync::report
