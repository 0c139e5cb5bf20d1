#include "billsync/billing/quota_anchor.h"

#include <date/date.h>

#include <algorithm>

namespace billsync::billing {

std::optional<int> BillingDay(std::optional<Instant> billing_cycle_anchor, const std::optional<std::string>& interval,
                              std::optional<int> configured) {
  if (!billing_cycle_anchor || interval == "day" || interval == "week") return std::nullopt;
  const date::year_month_day day(date::floor<date::days>(*billing_cycle_anchor));
  const auto number = [](date::day one) { return static_cast<int>(static_cast<unsigned>(one)); };
  const int last = number((day.year() / day.month() / date::last).day());
  if (configured && std::min(*configured, last) == number(day.day())) return configured;
  return number(day.day());
}

}  // namespace billsync::billing
