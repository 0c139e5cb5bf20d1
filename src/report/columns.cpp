#include "columns.h"

#include <iterator>

#include "report/report_sql.h"

namespace billsync::report {
namespace {

Column Text(std::string name) {
  return {.name = std::move(name)};
}
Column Time(std::string name) {
  return {.name = std::move(name), .cell = Cell::kTimestamp};
}
Column Count(std::string name, bool totalled = true) {
  return {.name = std::move(name), .cell = Cell::kInteger, .totalled = totalled};
}
Column Money(std::string name, int scale) {
  return {.name = std::move(name), .cell = Cell::kDecimal, .scale = scale, .totalled = true};
}

std::vector<Column> operator+(std::vector<Column> columns, std::vector<Column> more) {
  columns.insert(columns.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return columns;
}

std::vector<Column> RunCounts() {
  return {Count("total_runs"), Count("failed_runs"), Count("cancelled_runs"), Count("unpriced_runs"),
          Count("total_tokens")};
}

ReportShape UsageShape() {
  return {.title = "usage",
          .columns = std::vector{Text("period"), Text("user_id"), Text("email"), Text("full_name"), Text("plan_tier")} +
                     RunCounts() +
                     std::vector{Money("total_cost_usd", 2), Money("total_cost_exact_usd", 6),
                                 Column{.name = "cost_breakdown", .cell = Cell::kJson}},
          .query = &sql::kUsage,
          .order = "r.user_id, r.usage_start",
          .key = {"period", "user_id"}};
}

ReportShape UsageWideShape(const std::vector<std::string>& models) {
  ReportShape shape = UsageShape();
  shape.title = "usage wide";
  shape.query = &sql::kUsageWide;
  shape.models = models;
  shape.columns.pop_back();
  for (const auto& model : models) shape.columns.push_back(Money(std::string(kModelColumnPrefix) + model, 6));
  return shape;
}

ReportShape UsageLongShape() {
  return {.title = "usage long",
          .columns = std::vector{Text("period"), Text("user_id"), Text("email"), Text("full_name"), Text("plan_tier"),
                                 Text("model")} +
                     RunCounts() + std::vector{Money("cost_usd", 6)},
          .query = &sql::kUsageLong,
          .order = "r.user_id, r.usage_start, r.model COLLATE \"C\"",
          .key = {"period", "user_id", "model"}};
}

ReportShape InvoiceShape() {
  return {.title = "invoices",
          .columns = {Text("invoice"),
                      Text("number"),
                      Text("user_id"),
                      Text("email"),
                      Text("customer"),
                      Text("subscription"),
                      Text("status"),
                      Text("billing_reason"),
                      Time("issued_at"),
                      Time("finalized_at"),
                      Time("paid_at"),
                      Column{.name = "due_date", .cell = Cell::kDate},
                      Text("currency"),
                      Count("amount_minor"),
                      Count("amount_paid_minor"),
                      Count("amount_remaining_minor"),
                      Count("amount_credited_minor"),
                      Column{.name = "usd_per_unit", .cell = Cell::kDecimal, .scale = -1},
                      Money("amount_usd", 2),
                      Money("amount_paid_usd", 2),
                      Money("amount_credited_usd", 2),
                      Count("amount_refunded_minor"),
                      Money("amount_refunded_usd", 2),
                      Text("period")},
          .query = &sql::kInvoices,
          .order = "r.row_key COLLATE \"C\"",
          .key = {"invoice"}};
}

ReportShape SubscriptionShape() {
  return {.title = "subscriptions",
          .columns = {Text("period"),
                      Text("subscription"),
                      Text("user_id"),
                      Text("email"),
                      Text("customer"),
                      Text("status"),
                      Text("plan_tier"),
                      Text("price"),
                      Text("currency"),
                      Count("amount_minor"),
                      Money("amount_usd", 2),
                      Text("billing_interval"),
                      Count("interval_count", false),
                      Money("monthly_usd", 2),
                      Time("started_at"),
                      Time("current_period_start"),
                      Time("current_period_end"),
                      Time("trial_end"),
                      Column{.name = "cancel_at_period_end", .cell = Cell::kFlag},
                      Time("cancel_at"),
                      Time("canceled_at"),
                      Time("ended_at"),
                      Time("scheduled_change_at"),
                      Text("scheduled_plan_tier")},
          .query = &sql::kSubscriptions,
          .order = "r.row_key COLLATE \"C\"",
          .key = {"period", "subscription"}};
}

ReportShape MarginShape() {
  return {.title = "margin",
          .columns = {Text("period"), Text("user_id"), Text("email"), Text("full_name"), Text("plan_tier"),
                      Money("revenue_usd", 2), Money("late_revenue_usd", 2), Money("run_cost_usd", 6),
                      Money("adjustments_usd", 6), Money("cost_usd", 6), Money("margin_usd", 6),
                      Column{.name = "margin_share", .cell = Cell::kShare, .scale = 4}},
          .query = &sql::kMargin,
          .order = "r.user_id, r.period COLLATE \"C\"",
          .key = {"period", "user_id"}};
}

ReportShape AdjustmentShape() {
  return {.title = "adjustments",
          .columns = std::vector{Text("period"), Count("adjustment", false), Text("kind"), Text("origin_period"),
                                 Text("user_id"), Text("email")} +
                     RunCounts() +
                     std::vector{Money("amount_usd", 2), Money("amount_exact_usd", 6),
                                 Column{.name = "cost_breakdown", .cell = Cell::kJson}, Text("reason"),
                                 Text("booked_by"), Time("booked_at")},
          .query = &sql::kAdjustments,
          .order = "r.row_key COLLATE \"C\"",
          .key = {"adjustment"}};
}

// FOCUS 1.0: the columns it demands, then ours with the prefix it reserves for that.
// Source: FinOps Open Cost and Usage Specification 1.0, https://focus.finops.org/focus-specification/v1-0/
std::vector<Column> FocusColumns() {
  const auto text = [](const char* name, const char* sql) { return Column{.name = name, .sql = sql}; };
  const auto time = [](const char* name, const char* sql) {
    return Column{.name = name, .cell = Cell::kTimestamp, .sql = sql};
  };
  const auto number = [](const char* name, const char* sql, bool totalled = true) {
    return Column{.name = name, .cell = Cell::kInteger, .totalled = totalled, .sql = sql};
  };
  const auto money = [](const char* name, const char* sql) {
    return Column{.name = name, .cell = Cell::kDecimal, .scale = 6, .totalled = true, .sql = sql};
  };
  return {money("BilledCost", "billed_cost"),
          text("BillingAccountId", "billing_account_id"),
          text("BillingAccountName", "billing_account_name"),
          text("BillingCurrency", "billing_currency"),
          time("BillingPeriodEnd", "billing_period_end"),
          time("BillingPeriodStart", "billing_period_start"),
          text("ChargeCategory", "charge_category"),
          text("ChargeClass", "charge_class"),
          text("ChargeDescription", "charge_description"),
          text("ChargeFrequency", "charge_frequency"),
          time("ChargePeriodEnd", "charge_period_end"),
          time("ChargePeriodStart", "charge_period_start"),
          number("ConsumedQuantity", "consumed_quantity"),
          text("ConsumedUnit", "consumed_unit"),
          money("ContractedCost", "contracted_cost"),
          money("EffectiveCost", "effective_cost"),
          text("InvoiceIssuerName", "invoice_issuer_name"),
          money("ListCost", "list_cost"),
          text("PricingCategory", "pricing_category"),
          number("PricingQuantity", "pricing_quantity"),
          text("PricingUnit", "pricing_unit"),
          text("ProviderName", "provider_name"),
          text("PublisherName", "publisher_name"),
          text("RegionId", "region_id"),
          text("RegionName", "region_name"),
          text("ResourceId", "resource_id"),
          text("ResourceName", "resource_name"),
          text("ResourceType", "resource_type"),
          text("ServiceCategory", "service_category"),
          text("ServiceName", "service_name"),
          text("SkuId", "sku_id"),
          text("SubAccountId", "sub_account_id"),
          text("SubAccountName", "sub_account_name"),
          text("Tags", "tags"),
          text("x_Period", "x_period"),
          text("x_PlanTier", "x_plan_tier"),
          number("x_CompletedRuns", "x_completed_runs"),
          number("x_FailedRuns", "x_failed_runs"),
          number("x_CancelledRuns", "x_cancelled_runs"),
          number("x_UnpricedRuns", "x_unpriced_runs")};
}

ReportShape FocusShape(Report report) {
  if (report == Report::kAdjustments) {
    return {.title = "adjustments focus",
            .columns = FocusColumns() +
                       std::vector{Column{.name = "x_Adjustment", .cell = Cell::kInteger, .sql = "x_adjustment"}},
            .query = &sql::kAdjustmentsFocus,
            .order = "r.row_key COLLATE \"C\"",
            .key = {"x_Adjustment"}};
  }
  return {.title = "usage focus",
          .columns = FocusColumns(),
          .query = &sql::kUsageFocus,
          .order = "r.sub_account_id, r.usage_start, r.sku_id COLLATE \"C\"",
          .key = {"x_Period", "SubAccountId", "SkuId"}};
}

}  // namespace

ReportShape ShapeOf(const ReportItem& item, const std::vector<std::string>& models) {
  if (item.format == Format::kFocus) return FocusShape(item.report);
  switch (item.report) {
    case Report::kUsage:
      break;
    case Report::kInvoices:
      return InvoiceShape();
    case Report::kSubscriptions:
      return SubscriptionShape();
    case Report::kMargin:
      return MarginShape();
    case Report::kAdjustments:
      return AdjustmentShape();
  }
  switch (item.layout) {
    case Layout::kBreakdown:
      return UsageShape();
    case Layout::kWide:
      return UsageWideShape(models);
    case Layout::kLong:
      return UsageLongShape();
  }
  return UsageShape();
}

}  // namespace billsync::report
