#include "listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "billsync/base/parse.h"

namespace billsync::http {
namespace {

constexpr int kBacklog = 511;
// Connections live above the descriptors that select() can hold, which code beside us (an HTTP client) may still use.
constexpr int kFirstConnectionFd = FD_SETSIZE;

struct HostPort {
  std::string host;
  std::string port;
};

[[noreturn]] void Fail(const std::string& address, const std::string& why) {
  throw std::runtime_error("cannot listen on " + address + ": " + why);
}

HostPort SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) Fail(address, "expected host:port or [address]:port");
  HostPort split{address.substr(0, colon), address.substr(colon + 1)};
  const bool bracketed = split.host.size() > 2 && split.host.front() == '[' && split.host.back() == ']';
  if (bracketed) split.host = split.host.substr(1, split.host.size() - 2);
  if (!bracketed && split.host.find_first_of(":[]") != std::string::npos) {
    Fail(address, "write an IPv6 address in brackets");
  }
  if (!ParseInt<uint16_t>(split.port)) Fail(address, "the port is not a number from 0 to 65535");
  return split;
}

std::string ErrnoText() {
  return std::generic_category().message(errno);
}

// Retries for accept4: errors of the connection, not of ours (accept(2), "Error handling").
bool IsPeersError(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

std::string NumericAddress(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &peer, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &peer, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  const std::string address(text.data());
  return address.starts_with("::ffff:") && address.find('.') != std::string::npos ? address.substr(7) : address;
}

UniqueFd MoveUp(UniqueFd fd) {
  const int high = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstConnectionFd);
  return high >= 0 ? UniqueFd(high) : std::move(fd);
}

uint16_t BoundPort(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  // sin_port and sin6_port lie at the same place.
  sockaddr_in v4{};
  std::memcpy(&v4, &bound, sizeof v4);
  return ntohs(v4.sin_port);
}

}  // namespace

Listener Listen(const std::string& address) {
  const HostPort split = SplitAddress(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(split.host.c_str(), split.port.c_str(), &hints, &found);
  if (error != 0) Fail(address, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);

  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) Fail(address, ErrnoText());
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // With SO_REUSEADDR two sockets may share a port until one listens, so binding and listening are one step.
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    Fail(address, ErrnoText());
  }
  const uint16_t port = BoundPort(fd.get());
  return Listener{std::move(fd), port};
}

Accepted AcceptOne(int listener) {
  Accepted accepted;
  for (;;) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    UniqueFd fd(::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() < 0) {
      if (IsPeersError(errno)) continue;
      const bool none = errno == EAGAIN || errno == EWOULDBLOCK;
      accepted.status = none ? AcceptStatus::kNoneWaiting : AcceptStatus::kOutOfDescriptors;
      return accepted;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    accepted.status = AcceptStatus::kAccepted;
    accepted.fd = MoveUp(std::move(fd));
    accepted.peer = NumericAddress(peer);
    return accepted;
  }
}

}  // namespace billsync::http
