#include "head.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "ascii.h"
#include "billsync/base/parse.h"
#include "target.h"

namespace billsync::http {
namespace {

// CPPHTTPLIB_HEADER_MAX_LENGTH and CPPHTTPLIB_REQUEST_URI_MAX_LENGTH of the compiled library.
constexpr size_t kParserLineBytes = 8192;

struct Header {
  std::string_view name;
  std::string_view value;
};

// The headers that decide how a connection goes on.
struct Framing {
  std::vector<std::string_view> content_lengths;
  bool transfer_encoding = false;
  bool content_encoded = false;
  size_t hosts = 0;
};

using Refusal = std::optional<ProblemCode>;

std::string_view TakeLine(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

// "HTTP/1.0" → 0, "HTTP/1.1" and later minors → 1.
tl::expected<int, ProblemCode> CheckVersion(std::string_view version) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.' || !digit(version[5]) ||
      !digit(version[7])) {
    return tl::unexpected(ProblemCode::kMalformedRequest);
  }
  if (version[5] != '1') return tl::unexpected(ProblemCode::kVersionNotSupported);
  return version[7] == '0' ? 0 : 1;
}

// "POST /path HTTP/1.1": fills method, version and the first line for the parser.
Refusal CheckRequestLine(std::string_view line, const Limits& limits, CheckedHead& head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return ProblemCode::kMalformedRequest;
  const auto minor = CheckVersion(line.substr(last + 1));
  if (!minor) return minor.error();
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!IsToken(method)) return ProblemCode::kMalformedRequest;
  if (target.size() > limits.max_target_bytes) return ProblemCode::kTargetTooLong;
  const auto checked = CheckTarget(target);
  if (!checked) return ProblemCode::kMalformedRequest;
  head.method = method;
  head.http_1_0 = *minor == 0;
  head.keep_alive = !head.http_1_0;
  head.for_parser = "GET " + *checked + " HTTP/1.1\r\n";
  if (head.for_parser.size() > kParserLineBytes) return ProblemCode::kTargetTooLong;
  return std::nullopt;
}

std::optional<Header> SplitHeader(std::string_view line) {
  // A line that starts with a blank continues the one before (obs-fold): its "name" is no token.
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return std::nullopt;
  return Header{line.substr(0, colon), Trim(line.substr(colon + 1))};
}

bool HasOption(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (EqualsIgnoringCase(Trim(list.substr(0, comma)), option)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// Notes what a header says about framing.
void Note(const Header& header, Framing& framing, CheckedHead& head) {
  const auto is = [&](std::string_view name) { return EqualsIgnoringCase(header.name, name); };
  if (is("Content-Length")) framing.content_lengths.push_back(header.value);
  if (is("Transfer-Encoding")) framing.transfer_encoding = true;
  if (is("Content-Encoding") && !EqualsIgnoringCase(header.value, "identity")) framing.content_encoded = true;
  if (is("Host")) ++framing.hosts;
  if (is("Connection") && HasOption(header.value, "close")) head.keep_alive = false;
  if (is("Expect") && EqualsIgnoringCase(header.value, "100-continue")) head.expects_continue = !head.http_1_0;
}

bool IsKeptFromParser(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kDropped = {"Range", "If-Range", "Expect"};
  return IsPseudoHeader(name) ||
         std::ranges::any_of(kDropped, [&](std::string_view dropped) { return EqualsIgnoringCase(name, dropped); });
}

// "Name: value" with "%" escaped, because the parser decodes header values.
std::string LineForParser(const Header& header) {
  std::string line(header.name);
  line += ": ";
  for (const char c : header.value) {
    line += c;
    if (c == '%') line += "25";
  }
  return line += "\r\n";
}

Refusal CheckHeaderLines(std::string_view rest, const Limits& limits, Framing& framing, CheckedHead& head) {
  size_t count = 0;
  if (rest.size() > limits.max_header_bytes + 2) return ProblemCode::kHeadersTooLarge;
  for (std::string_view line = TakeLine(rest); !line.empty(); line = TakeLine(rest)) {
    if (++count > limits.max_headers) return ProblemCode::kHeadersTooLarge;
    const auto header = SplitHeader(line);
    if (!header) return ProblemCode::kMalformedRequest;
    Note(*header, framing, head);
    if (IsKeptFromParser(header->name)) continue;
    const std::string for_parser = LineForParser(*header);
    if (for_parser.size() > kParserLineBytes) return ProblemCode::kHeadersTooLarge;
    head.for_parser += for_parser;
  }
  head.for_parser += "\r\n";
  return std::nullopt;
}

bool NeedsLength(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// How long the body is. A list or a second Content-Length is refused even if the values agree: nobody sends it by
// accident. One that is larger than any integer is merely too large.
Refusal CheckFraming(const Framing& framing, const Limits& limits, CheckedHead& head) {
  const auto& lengths = framing.content_lengths;
  if (framing.transfer_encoding) {
    return lengths.empty() ? ProblemCode::kLengthRequired : ProblemCode::kAmbiguousLength;
  }
  const bool digits_only =
      !lengths.empty() && !lengths[0].empty() && lengths[0].find_first_not_of("0123456789") == std::string_view::npos;
  if (lengths.size() > 1 || (lengths.size() == 1 && !digits_only)) return ProblemCode::kBadContentLength;
  if (framing.hosts > 1 || (framing.hosts == 0 && !head.http_1_0)) return ProblemCode::kMissingHost;
  if (framing.content_encoded) return ProblemCode::kEncodedBody;
  if (lengths.empty()) return NeedsLength(head.method) ? Refusal(ProblemCode::kLengthRequired) : std::nullopt;
  const auto length = ParseInt<size_t>(lengths[0]);
  if (!length || *length > limits.max_body_bytes) return ProblemCode::kPayloadTooLarge;
  head.content_length = *length;
  return std::nullopt;
}

}  // namespace

bool IsPseudoHeader(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kPseudo = {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"};
  return std::ranges::any_of(kPseudo, [&](std::string_view pseudo) { return EqualsIgnoringCase(name, pseudo); });
}

tl::expected<CheckedHead, ProblemCode> CheckHead(std::string_view head, const Limits& limits) {
  CheckedHead checked;
  Framing framing;
  const std::string_view line = TakeLine(head);
  if (auto refusal = CheckRequestLine(line, limits, checked)) return tl::unexpected(*refusal);
  if (auto refusal = CheckHeaderLines(head, limits, framing, checked)) return tl::unexpected(*refusal);
  if (auto refusal = CheckFraming(framing, limits, checked)) return tl::unexpected(*refusal);
  return checked;
}

}  // namespace billsync::http
