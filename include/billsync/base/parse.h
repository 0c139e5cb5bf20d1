// Strict text-to-number conversion: the whole text or nothing.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace billsync {

// A decimal integer that fills `text` entirely and fits T. No sign '+', no blanks, no wrap-around.
template <typename T>
std::optional<T> ParseInt(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || text.empty()) return std::nullopt;
  return value;
}

// Without the blanks (space, tab, CR, LF) at both ends.
std::string_view Trim(std::string_view text);

// "8-4-4-4-12" hexadecimal digits, either case.
bool IsUuid(std::string_view text);

}  // namespace billsync
