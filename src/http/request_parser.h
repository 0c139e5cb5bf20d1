// The only file pair that knows httplib: turns a checked head into a Request.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "billsync/http/request.h"

namespace billsync::http {

// One per worker; not shared between threads.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // `head` is CheckedHead::for_parser. Fills path, query and headers; none if httplib refuses the head.
  std::optional<Request> Parse(const std::string& head);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace billsync::http
