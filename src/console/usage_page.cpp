#include "billsync/admin/reading.h"
#include "chart.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

Html Downloads(const billing::Month& month) {
  Html links;
  for (const auto& [format, name] : {std::pair{"csv", "CSV"}, {"xlsx", "XLSX"}, {"jsonl", "JSON Lines"}}) {
    links += Tag("a",
                 {{"class", "button"},
                  {"href", Url("/api/v1/usage", {{"period", month.Text()}, {"format", format}})},
                  {"download", "usage-" + month.Text() + "." + format}},
                 {name});
  }
  return Tag("p", {{"class", "downloads"}}, {Tag("span", {"Download the month: "}), links});
}

Html Totals(const admin::Listing& totals) {
  const auto value = [&](const char* name) { return totals.At(0, name).value_or("0"); };
  Html figures = Figure("Cost", Usd(value("total_cost_usd")), "exact: $" + value("total_cost_exact_usd"));
  figures += Figure("Completed runs", Grouped(value("total_runs")),
                    Grouped(value("failed_runs")) + " failed, " + Grouped(value("cancelled_runs")) + " cancelled");
  figures +=
      Figure("Tokens", Grouped(value("total_tokens")), Grouped(value("unpriced_runs")) + " runs without a price");
  figures += Figure("Users", Grouped(value("users")), "with usage in this month");
  return Tag("div", {{"class", "figures"}}, {figures});
}

// What a closed month's figures are, beside what came later.
Html ClosedNote(const admin::UsagePage& usage, const billing::Month& month) {
  if (!usage.closed) return {};
  return Tag("p", {{"class", "downloads"}},
             {"Closed: these are the figures that were reported. What came later is among its ",
              Link("/periods/" + month.Text(), "adjustments"), "."});
}

Html DaysNote(const admin::UsagePage& usage) {
  if (!usage.days_as_known_today) return {};
  return Tag("p", {"The days show the runs as they are known today, with those that came after the month was closed: "
                   "they may add up to more or less than the month."});
}

std::string LastDay(const billing::Month& month) {
  return FormatInstant(month.End() - std::chrono::hours(24)).substr(0, 10);
}

// A model's name leads to its users.
Html Models(const PageCall& call, const admin::UsageFilter& filter, const admin::Listing& models) {
  TableLook look{.id = "models", .caption = "Cost by model", .empty = "No usage in this month."};
  look.cell = [&](size_t row, const admin::Column& column) -> std::optional<Html> {
    if (std::string_view(column.name) != "model") return std::nullopt;
    const std::string model = models.At(row, "model").value_or("");
    return Link(Url("/usage", {{"period", filter.period.Text()}, {"user", call.Query("user")}, {"model", model}}),
                model);
  };
  return TableOf(models, look);
}

}  // namespace

http::Response UsagePage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kDecimalUser);
  if (!page) return FaultPage(call, 400, page.error().detail);
  auto session = call.parts.pool->Acquire();
  const auto months = admin::UsageMonths(*session);
  const std::string asked = call.Query("period");
  const auto month = asked.empty() ? billing::Month::Of(call.parts.clock()) : billing::Month::Parse(asked);
  if (!month) return FaultPage(call, 400, "A period is a month such as 2026-10.");
  const admin::UsageFilter filter{.period = *month,
                                  .user = admin::QueryText(call.request, "user"),
                                  .model = admin::QueryText(call.request, "model")};
  const auto usage = admin::ReadUsage(*session, filter, *page);
  std::vector<std::string> models;
  for (size_t row = 0; row < usage.models.rows.size(); ++row)
    models.push_back(usage.models.At(row, "model").value_or(""));

  Html body = FilterForm("/usage", {Choice("period", "Month", month->Text(), months, nullptr),
                                    SearchField("user", "User", filter.user.value_or(""), "address or id"),
                                    Choice("model", "Model", filter.model.value_or(""), models, "all models")});
  body += Totals(usage.totals);
  body += ClosedNote(usage, *month);
  body += Downloads(*month);
  Html grid;
  if (!filter.user) {
    Html days = DaysNote(usage);
    days += ChartOf(ChartKind::kStackedBars, "cost-days", "Cost of runs by day and model in " + month->Text(),
                    CostByDayTable("cost-days", usage.days, month->FirstDay(), LastDay(*month)));
    grid += Card("Cost by day", days, "wide");
  }
  grid += Card("By model", Models(call, filter, usage.models), "wide");
  Html users = TableOf(usage.users, {.caption = "Users by cost", .empty = "Nobody has usage in this month."});
  users += Pager(call, usage.users.next);
  grid += Card(filter.model ? "Users of " + *filter.model : std::string("By user"), users, "wide");
  body += Tag("div", {{"class", "grid"}}, {grid});
  return Render(call, {.title = "Usage " + month->Text(), .section = "usage", .body = body, .charts = true});
}

}  // namespace billsync::console
