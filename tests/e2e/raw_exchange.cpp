#include "e2e/raw_exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>

namespace billsync::testing {
namespace {

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool Connect(uint16_t port) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }

  // What the server does not want to read any more it need not get.
  void Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  std::string ReceiveAll() const {
    std::string all;
    std::array<char, 16384> piece{};
    for (;;) {
      const ssize_t got = ::recv(fd_, piece.data(), piece.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("no answer for ten seconds");
      if (got <= 0) return all;
      all.append(piece.data(), static_cast<size_t>(got));
    }
  }

 private:
  int fd_;
};

}  // namespace

RawAnswer Exchange(uint16_t port, const std::string& bytes) {
  const Socket socket;
  RawAnswer answer;
  if (!socket.Connect(port)) {
    answer.refused = true;
    return answer;
  }
  socket.Send(bytes);
  const std::string all = socket.ReceiveAll();
  const size_t end = all.find("\r\n\r\n");
  if (end == std::string::npos || all.size() < 12) return answer;
  answer.status = std::stoi(all.substr(9, 3));
  answer.head = all.substr(0, end + 2);
  answer.body = all.substr(end + 4);
  return answer;
}

std::string RequestText(const std::string& method, const std::string& path,
                        const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body) {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

RawAnswer PostRaw(uint16_t port, const std::string& body, const std::string& signature) {
  return Exchange(port, RequestText("POST", "/webhooks/stripe", {{"Stripe-Signature", signature}}, body));
}

}  // namespace billsync::testing
