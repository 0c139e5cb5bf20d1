#include "chart.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "billsync/base/instant.h"
#include "table.h"

namespace billsync::console {
namespace {

constexpr size_t kSeries = 6;

std::string_view Name(ChartKind kind) {
  switch (kind) {
    case ChartKind::kStackedBars:
      return "stacked";
    case ChartKind::kBarAndLine:
      return "pair";
  }
  return "";
}

// Drawing only: sums of money are the database's.
double Approximate(const std::string& decimal) {
  return std::strtod(decimal.c_str(), nullptr);
}

std::string Fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// The dearest models first; what is beyond kSeries goes under "other".
std::vector<std::string> SeriesOf(const admin::Listing& days) {
  std::map<std::string, double> totals;
  for (size_t i = 0; i < days.rows.size(); ++i) {
    totals[days.At(i, "model").value_or("unknown")] += Approximate(days.At(i, "cost_usd").value_or("0"));
  }
  std::vector<std::string> names;
  for (const auto& [name, total] : totals) names.push_back(name);
  std::ranges::stable_sort(names, [&](const auto& a, const auto& b) { return totals[a] > totals[b]; });
  if (names.size() > kSeries) {
    names.resize(kSeries - 1);
    names.emplace_back("other");
  }
  return names;
}

std::vector<std::string> DaysBetween(const std::string& first, const std::string& last) {
  std::vector<std::string> days;
  auto at = ParseInstant(first);
  const auto end = ParseInstant(last);
  for (; at && end && *at <= *end && days.size() < 366; *at += std::chrono::hours(24)) {
    days.push_back(FormatInstant(*at).substr(0, 10));
  }
  return days;
}

}  // namespace

Html ChartOf(ChartKind kind, const std::string& table_id, const std::string& label, const Html& table) {
  const Html canvas =
      Tag("canvas",
          {{"data-chart", std::string(Name(kind))}, {"data-table", table_id}, {"role", "img"}, {"aria-label", label}});
  return Tag("div", {Tag("figure", {{"class", "chart"}, {"hidden", ""}}, {canvas}),
                     Tag("details", {{"class", "numbers"}, {"open", ""}}, {Tag("summary", {"Numbers"}), table})});
}

Html CostByDayTable(const std::string& id, const admin::Listing& days, const std::string& first,
                    const std::string& last) {
  const auto series = SeriesOf(days);
  if (series.empty()) return Tag("p", {{"class", "empty"}}, {"No runs in these days."});
  std::map<std::pair<std::string, std::string>, std::pair<std::string, double>> cells;
  for (size_t i = 0; i < days.rows.size(); ++i) {
    std::string model = days.At(i, "model").value_or("unknown");
    if (std::ranges::find(series, model) == series.end()) model = "other";
    const std::string cost = days.At(i, "cost_usd").value_or("0");
    auto& cell = cells[{days.At(i, "day").value_or(""), model}];
    cell.first = cell.first.empty() ? cost : "";  // two models under one head: no exact figure
    cell.second += Approximate(cost);
  }
  Html heads = Tag("th", {{"scope", "col"}}, {"Day"}), body;
  for (const auto& model : series) heads += Tag("th", {{"scope", "col"}, {"class", "num"}}, {model});
  for (const auto& day : DaysBetween(first, last)) {
    Html row = Tag("th", {{"scope", "row"}}, {day});
    for (const auto& model : series) {
      const auto found = cells.find({day, model});
      const bool none = found == cells.end();
      const std::string value = none ? "0" : Fixed(found->second.second, 4);
      const std::string exact = none || found->second.first.empty() ? value : found->second.first;
      row += Tag("td", {{"class", "num"}, {"data-v", value}}, {none ? Html("") : Usd(exact)});
    }
    body += Tag("tr", {row});
  }
  return Tag("div",
             {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", "Cost by day and model"}},
             {Tag("table", {{"id", id}}, {Tag("thead", {Tag("tr", {heads})}), Tag("tbody", {body})})});
}

Html Sparkline(const std::vector<std::string>& values, const std::string& label) {
  if (values.size() < 2) return {};
  double highest = 0;
  for (const auto& value : values) highest = std::max(highest, Approximate(value));
  constexpr double kWidth = 120, kHeight = 24, kMargin = 2;
  std::string points;
  double x = 0, y = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    x = kMargin + (kWidth - 2 * kMargin) * static_cast<double>(i) / static_cast<double>(values.size() - 1);
    y = kHeight - kMargin - (highest > 0 ? (kHeight - 2 * kMargin) * Approximate(values[i]) / highest : 0);
    points += Fixed(x, 1) + "," + Fixed(y, 1) + " ";
  }
  return Tag(
      "svg",
      {{"class", "spark"},
       {"viewBox", "0 0 120 24"},
       {"width", "120"},
       {"height", "24"},
       {"role", "img"},
       {"aria-label", label}},
      {Tag("polyline", {{"points", points}}), Tag("circle", {{"cx", Fixed(x, 1)}, {"cy", Fixed(y, 1)}, {"r", "2"}})});
}

Html QuotaBar(int64_t used, int64_t quota) {
  const bool full = used >= quota;
  const bool near = used * 100 >= quota * 80;
  return Tag("progress",
             {{"class", full   ? "full"
                        : near ? "near"
                               : "calm"},
              {"max", std::to_string(std::max<int64_t>(quota, 1))},
              {"value", std::to_string(std::min(used, quota))}},
             {std::to_string(used) + " of " + std::to_string(quota)});
}

}  // namespace billsync::console
