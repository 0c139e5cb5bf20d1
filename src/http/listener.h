// The listening socket and the sockets it hands out.
#pragma once

#include <cstdint>
#include <string>

#include "unique_fd.h"

namespace billsync::http {

struct Listener {
  UniqueFd fd;
  uint16_t port = 0;
};

// Binds "host:port" or "[v6]:port" and listens with a backlog of 511. SO_REUSEADDR without SO_REUSEPORT: a restart does
// not wait for old connections, yet a second process on the port fails instead of taking half of the requests.
// Throws std::runtime_error.
Listener Listen(const std::string& address);

enum class AcceptStatus { kAccepted, kNoneWaiting, kOutOfDescriptors };

struct Accepted {
  AcceptStatus status = AcceptStatus::kNoneWaiting;
  UniqueFd fd;       // non-blocking, close-on-exec, TCP_NODELAY
  std::string peer;  // numeric address; an IPv4 peer of an IPv6 listener in dotted form
};

// Takes one waiting connection, if any.
Accepted AcceptOne(int listener);

}  // namespace billsync::http
