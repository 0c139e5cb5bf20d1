#include "billsync/billing/month.h"

#include <date/date.h>

#include <cstdio>

#include "billsync/base/parse.h"

namespace billsync::billing {

std::optional<Month> Month::Parse(std::string_view text) {
  if (text.size() != 7 || text[4] != '-') return std::nullopt;
  const auto year = ParseInt<int>(text.substr(0, 4));
  const auto month = ParseInt<int>(text.substr(5));
  if (!year || !month || *year < 1970 || *year > 9998 || *month < 1 || *month > 12) return std::nullopt;
  return Month((*year - 1970) * 12 + *month - 1);
}

Month Month::Of(Instant at) {
  const date::year_month_day day{date::floor<date::days>(at)};
  return Month((static_cast<int>(day.year()) - 1970) * 12 + static_cast<int>(static_cast<unsigned>(day.month())) - 1);
}

Instant Month::Start() const {
  const date::year_month_day first{date::year{1970 + index_ / 12}, date::month{static_cast<unsigned>(index_ % 12) + 1},
                                   date::day{1}};
  return Instant{date::sys_days{first}};
}

std::string Month::Text() const {
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02d", 1970 + index_ / 12, index_ % 12 + 1);
  return text;
}

}  // namespace billsync::billing
