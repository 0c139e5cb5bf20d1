// HTTP requests byte by byte, and what became of the connection.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace billsync::testing {

struct RawAnswer {
  bool refused = false;  // nobody listens on the port
  int status = 0;        // 0: refused, or closed without an answer
  std::string head, body;
};

// Sends `bytes` on a connection of its own and reads until the server closes: let them say "Connection: close".
// Throws std::runtime_error after ten silent seconds.
RawAnswer Exchange(uint16_t port, const std::string& bytes);

// A request with Host, Content-Length and "Connection: close" besides `headers`.
std::string RequestText(const std::string& method, const std::string& path,
                        const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body);

// POST /webhooks/stripe.
RawAnswer PostRaw(uint16_t port, const std::string& body, const std::string& signature);

}  // namespace billsync::testing
