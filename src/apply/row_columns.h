// Puts the columns of a row together with what they are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/base/instant.h"
#include "fold_view.h"

namespace billsync::apply {

// A value as a row shows it.
using Text = std::optional<std::string>;

inline Text TextOf(const std::string& text) {
  return text;
}
inline Text TextOf(std::string_view text) {
  return std::string(text);
}
inline Text TextOf(std::int64_t number) {
  return std::to_string(number);
}
inline Text TextOf(bool flag) {
  return flag ? "true" : "false";
}
inline Text TextOf(Instant at) {
  return FormatInstant(at);
}
template <typename T>
Text TextOf(const std::optional<T>& value) {
  return value ? TextOf(*value) : std::nullopt;
}

class Columns {
 public:
  // The member's value as it is.
  template <typename T>
  Columns& Is(std::string_view column, std::string_view member, const T& value) {
    values_.push_back({column, member, TextOf(value), true, ""});
    return *this;
  }
  // Made of the member and of what `note` says.
  Columns& Of(std::string_view column, std::string_view member, std::string_view note) {
    values_.push_back({column, member, std::nullopt, false, note});
    return *this;
  }
  // Of no event of this object.
  Columns& Else(std::string_view column, std::string_view note) { return Of(column, "", note); }

  // What every row says of its fold.
  template <typename T>
  std::vector<RowValue> OfEvents(const stripe::Folded<T>& fold) {
    Is("last_event_id", "id", fold.order.back().event_id);
    Is("last_event_created", "id", fold.order.back().created);
    Is("needs_refetch", "id", fold.needs_refetch);
    Else("created_at", "when the row was first written");
    return Values();
  }
  std::vector<RowValue> Values() {
    Else("updated_at", "when the row was last written");
    return std::move(values_);
  }

 private:
  std::vector<RowValue> values_;
};

}  // namespace billsync::apply
