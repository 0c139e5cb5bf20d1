// What finance may ask for: a report, its period, its layout, its rows, its format.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/billing/month.h"

namespace billsync::report {

enum class Report { kUsage, kInvoices, kSubscriptions, kMargin, kAdjustments };
inline constexpr Report kAllReports[] = {Report::kUsage, Report::kInvoices, Report::kSubscriptions, Report::kMargin,
                                         Report::kAdjustments};

// "usage", "invoices", "subscriptions", "margin", "adjustments"
std::string_view Name(Report report);
std::optional<Report> ParseReport(std::string_view name);

// kFocus is CSV in the columns of the FinOps Open Cost and Usage Specification 1.0, of usage and adjustments.
enum class Format { kCsv, kJsonLines, kXlsx, kFocus };

// "csv", "jsonl", "xlsx", "focus"
std::string_view Name(Format format);
std::optional<Format> ParseFormat(std::string_view name);

// How usage shows its models: in one cell of JSON, in a column each, or in a row each. Other reports have kBreakdown
// only.
enum class Layout { kBreakdown, kWide, kLong };

// "breakdown", "wide", "long"
std::string_view Name(Layout layout);
std::optional<Layout> ParseLayout(std::string_view name);

// Whole months in UTC, half-open as each of them.
struct PeriodRange {
  billing::Month first, last;

  static PeriodRange Of(const billing::Month& month) { return {month, month}; }
  // "2026-10" or "2026-01..2026-10", at most 600 months; none for anything else.
  static std::optional<PeriodRange> Parse(std::string_view text);
  // As Parse reads it.
  std::string Text() const;
  bool IsOneMonth() const { return first == last; }
};

// Which rows; what is not given does not matter. A user's tier and teams are those the report shows: of a closed month
// as they were when it was closed. The tier of a row of subscriptions is the subscription's.
struct RowFilter {
  std::optional<std::string> user_id{};    // a UUID
  std::optional<std::string> plan_tier{};  // "pro"
  std::optional<std::string> team_id{};    // a UUID: users who are members of it
  bool Empty() const { return !user_id && !plan_tier && !team_id; }
};

// One file's worth.
struct ReportItem {
  Report report;
  Layout layout = Layout::kBreakdown;
  Format format = Format::kCsv;
};

struct ExportRequest {
  PeriodRange period;
  RowFilter filter{};
  std::vector<ReportItem> items{};
};

// Why there is no such thing, as a sentence; none when there is.
std::optional<std::string> Refusal(const ReportItem& item);

// Whether a text has the shape of the keys that name this item's rows (row_key in report.sql): what the page before
// ended with.
bool IsRowKey(const ReportItem& item, std::string_view text);

// "usage-wide-2026-10.csv", "usage-focus-2026-10.csv", "margin-2026-01_2026-10.xlsx"
std::string FileName(const ReportItem& item, const PeriodRange& period);

// What a pack of these formats consists of: every report, usage also by model, FOCUS where there is such a thing.
std::vector<ReportItem> PackItems(const std::vector<Format>& formats);

}  // namespace billsync::report
