// The head of an HTTP request: scanned in pieces, checked, rewritten for the parser, parsed.
#include <algorithm>

#include "billsync/http/request.h"
#include "fuzz/target.h"
#include "head.h"
#include "head_scanner.h"
#include "request_parser.h"

namespace billsync::fuzz {
namespace {

using http::ScanStatus;

// However a head is cut, it ends at the same byte. Returns its length, 0 if it has no end.
size_t HeadBytes(std::string_view input) {
  http::HeadScanner whole, dripped;
  const ScanStatus at_once = whole.Scan(input);
  ScanStatus in_pieces = ScanStatus::kMore;
  for (size_t have = 1; have <= input.size() && in_pieces == ScanStatus::kMore; ++have) {
    in_pieces = dripped.Scan(input.substr(0, have));
  }
  Must(at_once == in_pieces, "a head is judged the same however it arrives");
  if (at_once != ScanStatus::kComplete) return 0;
  Must(whole.head_bytes() == dripped.head_bytes(), "and ends at the same byte");
  const std::string_view head = input.substr(0, whole.head_bytes());
  Must(head == "\r\n" || head.ends_with("\r\n\r\n"), "behind its empty line");
  return whole.head_bytes();
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

void CheckRequest(const http::Request& request) {
  Must(request.path.starts_with('/'), "a path starts at the root");
  Must(std::ranges::none_of(request.path, IsControl), "and has no control characters");
  for (const auto& [name, value] : request.query) {
    Must((name + value).find('\0') == std::string::npos, "a query has no NUL");
  }
  for (const auto& [name, value] : request.headers) {
    Must(!http::IsPseudoHeader(name), "nobody forges the peer's address");
    Must((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a header is one line");
  }
  for (const char* dropped : {"Range", "If-Range", "Expect"}) {
    Must(!request.FindHeader(dropped), "what the library would answer by itself does not reach it");
  }
}

}  // namespace

void Head(std::string_view input) {
  const size_t bytes = HeadBytes(input);
  if (bytes == 0) return;
  const http::Limits limits;
  const auto checked = http::CheckHead(input.substr(0, bytes), limits);
  if (!checked) {
    Must(http::GetProblemInfo(checked.error()).status >= 400, "a refusal is an answer");
    return;
  }
  Must(checked->content_length <= limits.max_body_bytes, "a body is within its limit");
  Must(!(checked->http_1_0 && checked->expects_continue), "HTTP/1.0 knows no 100");
  Must(checked->for_parser.ends_with("\r\n\r\n"), "what is parsed is one whole head");
  http::RequestParser parser;
  if (const auto request = parser.Parse(checked->for_parser)) CheckRequest(*request);
}

}  // namespace billsync::fuzz
