#include "rebase.h"

#include "billsync/base/parse.h"

namespace billsync::cli {
namespace {

constexpr long long kFirst = 1'500'000'000;
constexpr long long kLast = 4'102'444'800;

bool IsNumberByte(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

}  // namespace

std::string ShiftUnixTimes(std::string_view text, long long shift_s) {
  std::string out;
  bool in_string = false;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (in_string && c == '\\' && at + 1 < text.size()) {
      out += text.substr(at, 2);
      at += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || !IsNumberByte(c)) {
      out += c;
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && IsNumberByte(text[end])) ++end;
    const std::string_view token = text.substr(at, end - at);
    const auto number = ParseInt<long long>(token);
    const bool is_time = number && token.size() == 10 && *number >= kFirst && *number < kLast;
    out += is_time ? std::to_string(*number + shift_s) : std::string(token);
    at = end;
  }
  return out;
}

}  // namespace billsync::cli
