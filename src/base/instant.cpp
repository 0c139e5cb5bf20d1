#include "billsync/base/instant.h"

#include <date/date.h>

#include <cstdio>

#include "billsync/base/parse.h"

namespace billsync {
namespace {

constexpr long long kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z

// Reads `digits` digits at `at` and moves past them.
std::optional<int> TakeDigits(std::string_view text, size_t& at, size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  auto value = ParseInt<int>(text.substr(at, digits));
  if (!value || *value < 0) return std::nullopt;
  at += digits;
  return value;
}

bool TakeChar(std::string_view text, size_t& at, char expected) {
  if (at >= text.size() || text[at] != expected) return false;
  ++at;
  return true;
}

// "2026-11-22" at `at`.
std::optional<date::sys_days> TakeDate(std::string_view text, size_t& at) {
  auto year = TakeDigits(text, at, 4);
  if (!year || !TakeChar(text, at, '-')) return std::nullopt;
  auto month = TakeDigits(text, at, 2);
  if (!month || !TakeChar(text, at, '-')) return std::nullopt;
  auto day = TakeDigits(text, at, 2);
  if (!day) return std::nullopt;
  const date::year_month_day ymd{date::year{*year}, date::month{static_cast<unsigned>(*month)},
                                 date::day{static_cast<unsigned>(*day)}};
  if (!ymd.ok()) return std::nullopt;
  return date::sys_days{ymd};
}

// ".123456" at `at`, or nothing there; None when malformed.
std::optional<std::chrono::microseconds> TakeFraction(std::string_view text, size_t& at) {
  if (!TakeChar(text, at, '.')) return std::chrono::microseconds{0};
  long long micros = 0;
  size_t digits = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && digits < 6) {
    micros = micros * 10 + (text[at] - '0');
    ++at;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) micros *= 10;
  return std::chrono::microseconds{micros};
}

}  // namespace

Instant SystemNow() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::optional<Instant> InstantFromUnixSeconds(long long seconds) {
  if (seconds < 0 || seconds > kLastSecond) return std::nullopt;
  return Instant{std::chrono::seconds{seconds}};
}

long long UnixSeconds(Instant at) {
  return std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
}

std::string FormatInstant(Instant at) {
  const auto day = date::floor<date::days>(at);
  const date::year_month_day ymd{day};
  const date::hh_mm_ss<std::chrono::microseconds> clock{at - day};
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(ymd.year()),
                static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

std::optional<Instant> ParseInstant(std::string_view text) {
  size_t at = 0;
  const auto day = TakeDate(text, at);
  if (!day) return std::nullopt;
  if (at == text.size()) return Instant{*day};
  if (!TakeChar(text, at, 'T')) return std::nullopt;
  const auto hour = TakeDigits(text, at, 2);
  if (!hour || *hour > 23 || !TakeChar(text, at, ':')) return std::nullopt;
  const auto minute = TakeDigits(text, at, 2);
  if (!minute || *minute > 59 || !TakeChar(text, at, ':')) return std::nullopt;
  const auto second = TakeDigits(text, at, 2);
  if (!second || *second > 59) return std::nullopt;
  const auto fraction = TakeFraction(text, at);
  if (!fraction || !TakeChar(text, at, 'Z') || at != text.size()) return std::nullopt;
  return Instant{*day} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second} +
         *fraction;
}

}  // namespace billsync
