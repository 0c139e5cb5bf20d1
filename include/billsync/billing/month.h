// A calendar month in UTC: the period of usage and of finance's files.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "billsync/base/instant.h"

namespace billsync::billing {

// Half-open: [Start, End), where End is the next month's Start.
class Month {
 public:
  // "2026-10"; None for anything else, years before 1970 or after 9998 included.
  static std::optional<Month> Parse(std::string_view text);
  static Month Of(Instant at);

  Instant Start() const;
  Instant End() const { return Next().Start(); }
  Month Next() const { return Month(index_ + 1); }
  Month Previous() const { return Month(index_ - 1); }
  // "2026-10"
  std::string Text() const;
  // "2026-10-01", for a date parameter.
  std::string FirstDay() const { return Text() + "-01"; }

  auto operator<=>(const Month&) const = default;

 private:
  explicit Month(int index) : index_(index) {}
  int index_;  // months since 1970-01
};

}  // namespace billsync::billing
