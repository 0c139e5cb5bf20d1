// Time as a value: UTC, microseconds, half-open intervals. `now` is always a parameter.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace billsync {

// A moment in UTC. PostgreSQL's timestamptz has the same grain.
using Instant = std::chrono::sys_time<std::chrono::microseconds>;

// Where a long-lived part gets its time from; tests hand in their own.
using Clock = std::function<Instant()>;

// The machine's clock.
Instant SystemNow();

// Unix seconds → Instant. None outside 1970-01-01 … 9999-12-31, so that a milliseconds value in a seconds field
// (year 56,000) is refused rather than wrapped: date::year is 16 bits wide.
std::optional<Instant> InstantFromUnixSeconds(long long seconds);

// Whole seconds since the epoch, rounded down.
long long UnixSeconds(Instant at);

// "2026-11-22T13:04:05.123456Z"; PostgreSQL reads it as timestamptz.
std::string FormatInstant(Instant at);

// Exactly "YYYY-MM-DDTHH:MM:SS[.ffffff]Z" or "YYYY-MM-DD"; None for anything else, trailing text included.
std::optional<Instant> ParseInstant(std::string_view text);

}  // namespace billsync
