#include "billsync/billing/money.h"

#include <algorithm>
#include <array>
#include <limits>

namespace billsync::billing {
namespace {

constexpr std::array<std::string_view, 15> kZeroDecimal = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga",
                                                           "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"};
constexpr std::array<std::string_view, 5> kThreeDecimal = {"bhd", "jod", "kwd", "omr", "tnd"};

constexpr size_t kPlaces = 12;
__extension__ using Wide = __int128;
constexpr Wide kScale = 1'000'000'000'000;

// "0.05" → 50,000,000,000 (twelve places); None unless it is [-]digits[.digits].
std::optional<Wide> ParseScaled(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
  if (whole.empty() || whole.size() > 15 || fraction.size() > kPlaces) return std::nullopt;
  if (dot != std::string_view::npos && fraction.empty()) return std::nullopt;
  std::string digits(whole);
  digits += fraction;
  digits.append(kPlaces - fraction.size(), '0');
  Wide value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

}  // namespace

int MinorUnitDecimals(std::string_view currency) {
  if (std::ranges::find(kZeroDecimal, currency) != kZeroDecimal.end()) return 0;
  if (std::ranges::find(kThreeDecimal, currency) != kThreeDecimal.end()) return 3;
  return 2;
}

std::string FormatMinor(int64_t amount_minor, int decimals) {
  const bool negative = amount_minor < 0;
  const uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(amount_minor) : static_cast<uint64_t>(amount_minor);
  std::string digits = std::to_string(magnitude);
  const auto places = static_cast<size_t>(decimals);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (places > 0) digits.insert(digits.size() - places, ".");
  return negative ? "-" + digits : digits;
}

std::optional<int64_t> MultiplyDecimal(std::string_view unit, int64_t quantity) {
  const auto scaled = ParseScaled(unit);
  // 27 digits of unit times 10 of quantity stay below the 38 of a 128-bit integer.
  if (!scaled || quantity > 9'999'999'999 || quantity < -9'999'999'999) return std::nullopt;
  const Wide product = *scaled * quantity;
  const Wide half = kScale / 2;
  const Wide rounded = product >= 0 ? (product + half) / kScale : (product - half) / kScale;
  if (rounded > std::numeric_limits<int64_t>::max() || rounded < std::numeric_limits<int64_t>::min()) {
    return std::nullopt;
  }
  return static_cast<int64_t>(rounded);
}

}  // namespace billsync::billing
