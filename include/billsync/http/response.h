// What a handler answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "billsync/http/problem_code.h"
#include "billsync/http/request.h"

namespace billsync::http {

// Takes the next piece of a streamed answer. Blocks while the client is slower than the producer; false once the
// client is gone, did not read within Limits::write_deadline, or the server stops: then give up.
using ByteSink = std::function<bool(std::string_view bytes)>;

// Produces a streamed answer. Runs on a worker of the server, once, after the handler has returned, and blocks only
// that worker. True: the answer is whole. False or an exception: the connection is closed without the final chunk, so
// that the client sees a truncated transfer and never takes a part for the whole.
using StreamBody = std::function<bool(const ByteSink& sink)>;

// The front adds Content-Length or Transfer-Encoding, Connection and Date; those names are ignored in `headers`.
// A header whose name or value could not be sent (CR, LF, NUL, …) turns the whole answer into a 500.
struct Response {
  int status = 200;
  std::string content_type = {};  // left out of the answer when empty
  std::string body = {};          // must be empty when `stream` is set
  NameValues headers = {};
  StreamBody stream = {};
};

// An application/problem+json answer (RFC 9457): type "about:blank", title from the status, then status, code, detail.
// `code` is a stable name, `detail` a sentence without secrets or internals.
Response Problem(int status, std::string_view code, std::string_view detail);

// The same for a code of this folder, with its own status and detail; kOverloaded also says Retry-After: 1.
Response Problem(ProblemCode code);

// "Not Found" for 404; "Unknown" for a status we have no phrase for.
std::string_view ReasonPhrase(int status);

}  // namespace billsync::http
