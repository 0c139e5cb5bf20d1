#include "billsync/billing/quota_anchor.h"

#include <date/date.h>

namespace billsync::billing {

std::optional<int> BillingDay(std::optional<Instant> billing_cycle_anchor, const std::optional<std::string>& interval) {
  if (!billing_cycle_anchor || interval == "day" || interval == "week") return std::nullopt;
  const date::year_month_day day(date::floor<date::days>(*billing_cycle_anchor));
  return static_cast<int>(static_cast<unsigned>(day.day()));
}

}  // namespace billsync::billing
