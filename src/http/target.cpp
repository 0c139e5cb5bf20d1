#include "target.h"

#include <algorithm>

#include "ascii.h"
#include "billsync/http/request.h"

namespace billsync::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = AsciiLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Percent-decoded; none when an escape is broken.
std::optional<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[at + 1]);
    const int low = HexDigit(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return decoded;
}

// Bytes of the sequence that starts with `lead`; 0 if none does.
size_t SequenceBytes(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

// Overlong forms, surrogates and values past U+10FFFF show in the second byte.
bool SecondByteFits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second <= 0x9F;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second <= 0x8F;
    default:
      return true;
  }
}

bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t bytes = SequenceBytes(lead);
    if (bytes == 0 || at + bytes > text.size()) return false;
    for (size_t i = 1; i < bytes; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) return false;
    }
    if (bytes > 1 && !SecondByteFits(lead, static_cast<unsigned char>(text[at + 1]))) return false;
    at += bytes;
  }
  return true;
}

bool IsTargetByte(char c) {
  return c > ' ' && c < 0x7F && c != '#';
}

// An encoded slash would move the borders between segments after routing was meant to have seen them.
bool IsGoodPath(std::string_view raw) {
  const auto path = Decode(raw);
  return path && std::ranges::count(*path, '/') == std::ranges::count(raw, '/') &&
         std::ranges::none_of(*path, IsControl) && IsUtf8(*path);
}

// PostgreSQL's text has no NUL and no broken UTF-8, and a query value usually ends there.
bool IsGoodQuery(std::string_view raw) {
  const auto query = Decode(raw);
  return query && query->find('\0') == std::string::npos && IsUtf8(*query);
}

}  // namespace

std::optional<std::string> CheckTarget(std::string_view target) {
  if (!target.starts_with('/') || !std::ranges::all_of(target, IsTargetByte)) return std::nullopt;
  const size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  if (!IsGoodPath(path) || !IsGoodQuery(query)) return std::nullopt;

  std::string checked(path);
  if (query.empty()) return checked;
  checked += '?';
  bool in_value = false;
  for (const char c : query) {
    if (c == '?') {
      checked += "%3F";
    } else if (c == '=' && in_value) {
      checked += "%3D";
    } else {
      checked += c;
    }
    if (c == '=') in_value = true;
    if (c == '&') in_value = false;
  }
  return checked;
}

std::optional<NameValues> ParseForm(std::string_view body) {
  std::string blanks(body);
  std::ranges::replace(blanks, '+', ' ');
  NameValues fields;
  for (std::string_view rest = blanks; !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view raw_value = equals == pair.size() ? "" : pair.substr(equals + 1);
    if (!IsGoodQuery(pair.substr(0, equals)) || !IsGoodQuery(raw_value)) return std::nullopt;
    fields.emplace_back(*Decode(pair.substr(0, equals)), *Decode(raw_value));
  }
  return fields;
}

}  // namespace billsync::http
