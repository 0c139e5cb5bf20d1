#include "billsync/http/problem_code.h"

namespace billsync::http {

const std::array<ProblemInfo, kProblemCodes>& AllProblems() {
  using enum ProblemCode;
  static constexpr std::array<ProblemInfo, kProblemCodes> kAll = {{
      {kMalformedRequest, 400, "malformed_request", "The request is not well-formed HTTP/1.1."},
      {kBadContentLength, 400, "bad_content_length", "Content-Length must be given once, as decimal digits."},
      {kAmbiguousLength, 400, "ambiguous_length", "Content-Length and Transfer-Encoding exclude each other."},
      {kMissingHost, 400, "missing_host", "HTTP/1.1 needs exactly one Host header."},
      {kNotFound, 404, "not_found", "There is nothing at this path."},
      {kMethodNotAllowed, 405, "method_not_allowed", "This path does not have that method; see Allow."},
      {kRequestTimeout, 408, "request_timeout", "The request did not arrive in time."},
      {kLengthRequired, 411, "length_required", "Send the body with Content-Length, not with Transfer-Encoding."},
      {kPayloadTooLarge, 413, "payload_too_large", "The body is larger than this server takes."},
      {kTargetTooLong, 414, "target_too_long", "The path and query are longer than this server takes."},
      {kEncodedBody, 415, "encoded_body", "Send the body without Content-Encoding."},
      {kHeadersTooLarge, 431, "headers_too_large", "There are too many headers, or they are too long."},
      {kInternal, 500, "internal", "The request could not be completed."},
      {kOverloaded, 503, "overloaded", "The server is busy; try again shortly."},
      {kVersionNotSupported, 505, "version_not_supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here."},
  }};
  return kAll;
}

const ProblemInfo& GetProblemInfo(ProblemCode code) {
  return AllProblems().at(static_cast<size_t>(code));
}

}  // namespace billsync::http
