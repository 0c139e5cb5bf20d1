#include "columns.h"

#include <array>

#include "report/report_sql.h"

namespace billsync::report {
namespace {

constexpr std::array kUsageColumns = {
    Column{"period", Cell::kText},
    Column{"user_id", Cell::kText},
    Column{"email", Cell::kText},
    Column{"full_name", Cell::kText},
    Column{"plan_tier", Cell::kText},
    Column{"total_runs", Cell::kNumber},
    Column{"failed_runs", Cell::kNumber},
    Column{"cancelled_runs", Cell::kNumber},
    Column{"unpriced_runs", Cell::kNumber},
    Column{"total_tokens", Cell::kNumber},
    Column{"total_cost_usd", Cell::kNumber},
    Column{"total_cost_exact_usd", Cell::kNumber},
    Column{"cost_breakdown", Cell::kText},
};

constexpr std::array kAdjustmentColumns = {
    Column{"period", Cell::kText},
    Column{"adjustment", Cell::kNumber},
    Column{"kind", Cell::kText},
    Column{"origin_period", Cell::kText},
    Column{"user_id", Cell::kText},
    Column{"email", Cell::kText},
    Column{"total_runs", Cell::kNumber},
    Column{"failed_runs", Cell::kNumber},
    Column{"cancelled_runs", Cell::kNumber},
    Column{"unpriced_runs", Cell::kNumber},
    Column{"total_tokens", Cell::kNumber},
    Column{"amount_usd", Cell::kNumber},
    Column{"amount_exact_usd", Cell::kNumber},
    Column{"cost_breakdown", Cell::kText},
    Column{"reason", Cell::kText},
    Column{"booked_by", Cell::kText},
    Column{"booked_at", Cell::kText},
};

constexpr std::array kInvoiceColumns = {
    Column{"invoice", Cell::kText},
    Column{"number", Cell::kText},
    Column{"user_id", Cell::kText},
    Column{"email", Cell::kText},
    Column{"customer", Cell::kText},
    Column{"subscription", Cell::kText},
    Column{"status", Cell::kText},
    Column{"billing_reason", Cell::kText},
    Column{"issued_at", Cell::kText},
    Column{"finalized_at", Cell::kText},
    Column{"paid_at", Cell::kText},
    Column{"due_date", Cell::kText},
    Column{"currency", Cell::kText},
    Column{"amount_minor", Cell::kNumber},
    Column{"amount_paid_minor", Cell::kNumber},
    Column{"amount_remaining_minor", Cell::kNumber},
    Column{"amount_credited_minor", Cell::kNumber},
    Column{"usd_per_unit", Cell::kNumber},
    Column{"amount_usd", Cell::kNumber},
    Column{"amount_paid_usd", Cell::kNumber},
    Column{"amount_credited_usd", Cell::kNumber},
    Column{"amount_refunded_minor", Cell::kNumber},
    Column{"amount_refunded_usd", Cell::kNumber},
};

constexpr std::array<std::string_view, 4> kUsageTotals = {"total_runs", "total_tokens", "total_cost_usd",
                                                          "total_cost_exact_usd"};
constexpr std::array<std::string_view, 8> kInvoiceTotals = {
    "amount_minor",        "amount_paid_minor",     "amount_usd",         "amount_paid_usd", "amount_credited_minor",
    "amount_credited_usd", "amount_refunded_minor", "amount_refunded_usd"};

constexpr std::array<std::string_view, 4> kAdjustmentTotals = {"total_runs", "total_tokens", "amount_usd",
                                                               "amount_exact_usd"};

constexpr ReportShape kUsageShape{kUsageColumns, &sql::kDeclareUsage, &sql::kTotalsUsage, kUsageTotals};
constexpr ReportShape kInvoiceShape{kInvoiceColumns, &sql::kDeclareInvoices, &sql::kTotalsInvoices, kInvoiceTotals};
constexpr ReportShape kAdjustmentShape{kAdjustmentColumns, &sql::kDeclareAdjustments, &sql::kTotalsAdjustments,
                                       kAdjustmentTotals};

}  // namespace

std::string_view Name(Report report) {
  switch (report) {
    case Report::kUsage:
      return "usage";
    case Report::kInvoices:
      return "invoices";
    case Report::kAdjustments:
      return "adjustments";
  }
  return "";
}

std::optional<Report> ParseReport(std::string_view name) {
  for (const Report report : {Report::kUsage, Report::kInvoices, Report::kAdjustments}) {
    if (name == Name(report)) return report;
  }
  return std::nullopt;
}

const ReportShape& ShapeOf(Report report) {
  switch (report) {
    case Report::kUsage:
      return kUsageShape;
    case Report::kInvoices:
      return kInvoiceShape;
    case Report::kAdjustments:
      return kAdjustmentShape;
  }
  return kUsageShape;
}

}  // namespace billsync::report
