// Finds the end of a request's head while it arrives, and stops at the first byte that cannot be one.
#pragma once

#include <cstddef>
#include <string_view>

namespace billsync::http {

enum class ScanStatus { kMore, kComplete, kMalformed };

// Looks at each byte once, however small the pieces are in which a client drips them.
class HeadScanner {
 public:
  // `buffer` starts with the request and only grows between calls. kMalformed: a bare CR or LF, NUL or another control
  // character: refused at once, because two readers who disagree about the end of a line disagree about the request.
  ScanStatus Scan(std::string_view buffer);

  // Up to and including the empty line, once complete.
  size_t head_bytes() const { return at_; }
  // The request line with its CRLF; 0 until it has arrived.
  size_t request_line_bytes() const { return request_line_bytes_; }

 private:
  size_t at_ = 0;
  size_t line_start_ = 0;
  size_t request_line_bytes_ = 0;
};

}  // namespace billsync::http
