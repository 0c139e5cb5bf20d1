// A blocking client that sends exactly the bytes a test wants, and a server to send them to.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "billsync/http/server.h"

namespace billsync::http {

// One answer, read to its end.
struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string head;                            // the raw bytes of status line and headers
  std::string body;                            // chunked coding removed
  bool truncated = false;                      // the connection ended before the body did

  bool Closes() const;                                // says Connection: close
  std::string Header(const std::string& name) const;  // "" if absent
  std::string Code() const;                           // "code" of a problem+json body, "" if it is none
};

// Where the bytes go; TLS tests bring their own.
class ByteChannel {
 public:
  virtual ~ByteChannel() = default;
  virtual void Send(std::string_view bytes) = 0;
  // "" at the end of the connection. Throws std::runtime_error after ten silent seconds or on a reset.
  virtual std::string Receive() = 0;
};

class RawClient {
 public:
  // Connects to 127.0.0.1.
  explicit RawClient(uint16_t port);
  explicit RawClient(std::unique_ptr<ByteChannel> channel);
  ~RawClient();

  void Send(std::string_view bytes);
  // Sends what it can; false once the server has closed. For clients that are expected to be thrown out.
  bool TrySend(std::string_view bytes);
  // The next answer. `head_only` for HEAD. Throws std::runtime_error if none comes.
  HttpAnswer Read(bool head_only = false);
  HttpAnswer Exchange(std::string_view bytes) { return Send(bytes), Read(); }
  // Waits for the end of the connection; whether it came without further bytes.
  bool EndsWithoutMore();
  // Whether the connection ends with a reset instead of an orderly close.
  bool EndsWithReset();
  void CloseWrite();
  void Close();

 private:
  bool Fill();

  int fd_ = -1;
  std::unique_ptr<ByteChannel> channel_;
  std::string buffer_;
};

// A started server on a free port of 127.0.0.1.
class RunningServer {
 public:
  explicit RunningServer(Router router, const Limits& limits = {});

  uint16_t port() const { return port_; }
  Server& server() { return server_; }
  // Stops with time to drain, so that whatever was executed has been counted afterwards.
  void Stop() { server_.Stop(std::chrono::seconds{10}); }

 private:
  Server server_;
  uint16_t port_;
};

// Whether a connection to the port is refused.
bool IsRefused(uint16_t port);

// Waits up to ten seconds for a condition that another thread brings about but cannot announce.
bool Eventually(const std::function<bool()>& condition);

// A handler that answers 200 text/plain.
Handler Says(std::string body);

std::chrono::milliseconds TimeOf(const std::function<void()>& action);

}  // namespace billsync::http
