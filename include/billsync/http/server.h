// The HTTP/1.1 server: one thread owns every socket, N workers run handlers, a connection is never a thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "billsync/http/router.h"

namespace billsync::http {

// What a listener grants its clients. Every default is safe for a listener that faces the Internet.
struct Limits {
  size_t max_body_bytes = size_t{1} << 20U;     // more → 413, unread
  size_t max_header_bytes = size_t{16} << 10U;  // all header lines together; more → 431
  size_t max_headers = 100;                     // more → 431
  size_t max_target_bytes = size_t{8} << 10U;  // path and query; more → 414 (the parser's own line limit is 8 KiB too)

  std::chrono::milliseconds request_deadline{5000};  // first byte to last byte of a request → 408; also TLS handshake
  // Silence between requests, then the connection is closed. Before its first one a client has request_deadline.
  std::chrono::milliseconds keep_alive_idle{30000};
  std::chrono::milliseconds write_deadline{30000};  // to take one answer, or one 256 KiB batch of a streamed one
  std::chrono::milliseconds linger{1000};           // after a closing answer, how long unread input is thrown away

  size_t max_requests_per_connection = 10000;  // the last answer says Connection: close
  size_t max_connections = 4096;               // more → 503; lowered to what the open-file limit leaves room for
  size_t max_connections_per_peer = 0;         // per address; 0 = off; more → 503
  size_t max_pending_requests = 1024;          // handed to workers and not yet answered; more → 503
  // Input of all connections until it is answered. Beyond it a request of more than 64 KiB → 503.
  size_t max_buffered_bytes = size_t{256} << 20U;

  size_t workers = 0;  // threads that run handlers; 0 = one per processor, at least 2

  std::string tls_certificate_file = {};  // PEM chain; both files or none. TLS 1.2 or newer
  std::string tls_key_file = {};          // PEM, unencrypted
};

// Counters since the start, except where "now" is said.
struct ServerStats {
  uint64_t connections_open = 0;  // now
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;  // over a cap
  uint64_t tls_handshakes_failed = 0;
  uint64_t requests_pending = 0;  // now: handed to workers and not yet answered
  uint64_t requests_handled = 0;  // whole requests handed to workers
  uint64_t responses_2xx = 0;     // answers by status, the front's own included
  uint64_t responses_3xx = 0;
  uint64_t responses_4xx = 0;
  uint64_t responses_5xx = 0;
  uint64_t handler_exceptions = 0;
  uint64_t answers_abandoned = 0;                      // the client had gone before its answer existed
  uint64_t streams_aborted = 0;                        // by the producer, the client or the write deadline
  uint64_t request_deadlines = 0;                      // 408s
  uint64_t write_deadlines = 0;                        // clients that did not take their answer in time
  std::map<std::string_view, uint64_t> problems = {};  // answers of the front itself by problem code; zeros included
};

// A listener with its own threads. Bind, Start and Stop may be called from any thread, but not from a handler.
class Server {
 public:
  // `name` is for logs. Throws std::invalid_argument when only one TLS file is given, std::runtime_error when the
  // TLS files cannot be used.
  Server(Router router, Limits limits, std::string name);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes "127.0.0.1:8080" or "[::1]:0" and returns the port (chosen by the kernel when 0). From here on clients can
  // connect; they are served after Start. Throws std::runtime_error, also when another process has the port.
  uint16_t Bind(const std::string& address);

  // Starts the threads. Does nothing when Stop has been called before. Throws std::logic_error without Bind.
  void Start();

  // Accepts nobody new, closes idle connections at once, lets requests that have begun finish (their answers say
  // Connection: close) for at most `drain`, closes what is left and joins. A handler that blocks is waited for.
  // Final: a stopped server does not start again. Later calls wait for the first and return.
  void Stop(std::chrono::milliseconds drain);

  ServerStats Stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace billsync::http
