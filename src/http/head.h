// Decides from a request's head alone whether its body is read and a handler sees it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "billsync/http/problem_code.h"
#include "billsync/http/server.h"

namespace billsync::http {

// A head that may be parsed, and what the connection has to know about it.
struct CheckedHead {
  std::string method;
  std::string for_parser;  // the head as the parser shall read it: see CheckHead
  size_t content_length = 0;
  bool http_1_0 = false;
  bool keep_alive = true;  // what the client asked for; HTTP/1.0 is always closed
  bool expects_continue = false;
};

// `head` ends with its empty line and has passed HeadScanner. Checks what the parser does not: framing that two readers
// could read differently (RFC 9112 §6), limits, names, encodings.
//
// `for_parser` differs from `head` where httplib 0.11.4 would do harm: Range, If-Range and Expect are left out (it
// would answer them), REMOTE_ADDR and its kin too (a client's would win over its own), "%" in values is escaped (it
// decodes them), the method is always GET (it knows ten and refuses the rest; `method` has the real one).
tl::expected<CheckedHead, ProblemCode> CheckHead(std::string_view head, const Limits& limits);

// "REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT", in any case: pseudo headers of the parser.
bool IsPseudoHeader(std::string_view name);

}  // namespace billsync::http
