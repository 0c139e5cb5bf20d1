// The one place that turns a Response into bytes.
#pragma once

#include <string>

#include "billsync/base/instant.h"
#include "billsync/http/response.h"

namespace billsync::http {

// What the connection decides about an answer.
struct WireOptions {
  bool head_only = false;  // answer to HEAD: the headers of the GET, no body
  bool close = false;      // adds Connection: close
  bool chunked = true;     // how a streamed answer is sent; false for HTTP/1.0, which reads to the end instead
};

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string FormatHttpDate(Instant at);

// Whether every header of the answer can be sent as it is and the status is 200–599.
bool IsSendable(const Response& response);

// Status line, headers and, unless streamed, the body. `response` must be sendable.
std::string WriteResponse(const Response& response, const WireOptions& options, const std::string& http_date);

// `bytes` as one chunk of the chunked transfer coding; must not be empty, because that would mean the end.
std::string WriteChunk(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace billsync::http
