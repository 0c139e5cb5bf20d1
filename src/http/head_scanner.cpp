#include "head_scanner.h"

#include "ascii.h"

namespace billsync::http {

ScanStatus HeadScanner::Scan(std::string_view buffer) {
  for (; at_ < buffer.size(); ++at_) {
    const char c = buffer[at_];
    const bool after_cr = at_ > line_start_ && buffer[at_ - 1] == '\r';
    if (after_cr != (c == '\n')) return ScanStatus::kMalformed;
    if (c == '\n') {
      const bool empty_line = at_ - 1 == line_start_;
      line_start_ = at_ + 1;
      if (request_line_bytes_ == 0) request_line_bytes_ = line_start_;
      if (empty_line) {
        ++at_;
        return ScanStatus::kComplete;
      }
    } else if (IsControl(c) && c != '\t' && c != '\r') {
      return ScanStatus::kMalformed;
    }
  }
  return ScanStatus::kMore;
}

}  // namespace billsync::http
