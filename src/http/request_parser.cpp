#include "request_parser.h"

#include <httplib.h>

#include <algorithm>
#include <cstring>

#include "head.h"

namespace billsync::http {
namespace {

// Gives httplib the head and throws away what it writes: the answer is ours.
class HeadStream : public httplib::Stream {
 public:
  explicit HeadStream(const std::string& head) : head_(head) {}

  bool is_readable() const override { return at_ < head_.size(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, size_t size) override {
    const size_t bytes = std::min(size, head_.size() - at_);
    std::memcpy(into, head_.data() + at_, bytes);
    at_ += bytes;
    return static_cast<ssize_t>(bytes);
  }
  ssize_t write(const char* /*from*/, size_t size) override { return static_cast<ssize_t>(size); }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return -1; }

 private:
  const std::string& head_;
  size_t at_ = 0;
};

}  // namespace

class RequestParser::Impl : public httplib::Server {
 public:
  Impl() {
    // "Handled" ends httplib's work after the head: no routing, no reading of a body, no handlers of its own.
    set_pre_routing_handler([](const httplib::Request&, httplib::Response&) { return HandlerResponse::Handled; });
  }

  std::optional<Request> Parse(const std::string& head) {
    HeadStream stream(head);
    std::optional<Request> parsed;
    bool closed = false;
    // The hook runs only for a head that httplib accepts, after parsing and before routing.
    process_request(stream, true, closed, [&parsed](httplib::Request& from) { parsed = Convert(from); });
    return parsed;
  }

 private:
  static Request Convert(httplib::Request& from) {
    Request request;
    request.path = std::move(from.path);
    for (auto& [name, value] : from.params) request.query.emplace_back(name, std::move(value));
    for (auto& [name, value] : from.headers) {
      if (!IsPseudoHeader(name)) request.headers.emplace_back(name, std::move(value));
    }
    return request;
  }
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

std::optional<Request> RequestParser::Parse(const std::string& head) {
  return impl_->Parse(head);
}

}  // namespace billsync::http
