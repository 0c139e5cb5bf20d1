#include "http/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <thread>
#include <utility>

#include "ascii.h"

namespace billsync::http {
namespace {

int Connect(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return -1;
  }
  const timeval patience{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

class PlainChannel : public ByteChannel {
 public:
  explicit PlainChannel(int fd) : fd_(fd) {}
  void Send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("send failed");
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  std::string Receive() override {
    std::array<char, 65536> buffer{};
    const ssize_t bytes = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (bytes < 0) throw std::runtime_error(errno == ECONNRESET ? "reset" : "no answer in ten seconds");
    return std::string(buffer.data(), static_cast<size_t>(bytes));
  }

 private:
  int fd_;
};

std::string Lower(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += AsciiLower(c);
  return lower;
}

void ParseHead(HttpAnswer& answer) {
  if (!answer.head.starts_with("HTTP/1.1 ")) throw std::runtime_error("not an answer: " + answer.head);
  answer.status = std::stoi(answer.head.substr(9, 3));
  for (size_t at = answer.head.find("\r\n") + 2; at + 2 < answer.head.size();) {
    const size_t end = answer.head.find("\r\n", at);
    const size_t colon = answer.head.find(": ", at);
    answer.headers[Lower(answer.head.substr(at, colon - at))] = answer.head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
}

}  // namespace

bool HttpAnswer::Closes() const {
  return Header("connection") == "close";
}

std::string HttpAnswer::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string HttpAnswer::Code() const {
  const size_t at = body.find("\"code\":\"");
  if (Header("content-type") != "application/problem+json" || at == std::string::npos) return "";
  return body.substr(at + 8, body.find('"', at + 8) - at - 8);
}

RawClient::RawClient(uint16_t port) : fd_(Connect(port)), channel_(std::make_unique<PlainChannel>(fd_)) {
  if (fd_ < 0) throw std::runtime_error("cannot connect");
}

RawClient::RawClient(std::unique_ptr<ByteChannel> channel) : channel_(std::move(channel)) {}

RawClient::~RawClient() {
  Close();
}

void RawClient::Send(std::string_view bytes) {
  channel_->Send(bytes);
}

bool RawClient::TrySend(std::string_view bytes) {
  return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
}

bool RawClient::Fill() {
  const std::string more = channel_->Receive();
  buffer_ += more;
  return !more.empty();
}

HttpAnswer RawClient::Read(bool head_only) {
  HttpAnswer answer;
  size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) throw std::runtime_error("closed without an answer");
  }
  answer.head = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  ParseHead(answer);
  if (head_only || answer.status < 200 || answer.status == 204 || answer.status == 304) return answer;
  const auto take = [&](size_t bytes) {
    while (buffer_.size() < bytes && Fill()) {
    }
    answer.truncated = answer.truncated || buffer_.size() < bytes;
    std::string taken = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return taken;
  };
  if (answer.Header("transfer-encoding") == "chunked") {
    for (size_t size = 1; size != 0 && !answer.truncated;) {
      std::string line;
      while (!line.ends_with("\r\n") && !answer.truncated) line += take(1);
      if (answer.truncated) break;
      size = std::stoul(line, nullptr, 16);
      answer.body += take(size);
      take(2);
    }
  } else if (answer.headers.contains("content-length")) {
    answer.body = take(std::stoul(answer.Header("content-length")));
  } else {
    while (Fill()) {
    }
    answer.body = std::exchange(buffer_, "");
  }
  return answer;
}

bool RawClient::EndsWithoutMore() {
  return buffer_.empty() && !Fill();
}

bool RawClient::EndsWithReset() {
  try {
    while (Fill()) {
    }
  } catch (const std::runtime_error& error) {
    return std::string_view(error.what()) == "reset";
  }
  return false;
}

void RawClient::CloseWrite() {
  ::shutdown(fd_, SHUT_WR);
}

void RawClient::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

RunningServer::RunningServer(Router router, const Limits& limits)
    : server_(std::move(router), limits, "test"), port_(server_.Bind("127.0.0.1:0")) {
  server_.Start();
}

bool IsRefused(uint16_t port) {
  const int fd = Connect(port);
  if (fd >= 0) ::close(fd);
  return fd < 0;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

Handler Says(std::string body) {
  return [body = std::move(body)](const Request&, Responder responder) {
    responder.Send({.content_type = "text/plain", .body = body});
  };
}

std::chrono::milliseconds TimeOf(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
}

}  // namespace billsync::http
