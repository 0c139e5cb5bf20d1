// Posts signed events over many connections from one thread, and measures the answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "event_source.h"

namespace billsync::bench {

struct LoadOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;
  std::string secret;  // the endpoint's signing secret
  size_t connections = 1;
  uint64_t events = 1000;  // posted in all
  bool keep_alive = true;  // false: a new connection for each event
  bool sign_ahead = true;  // all events before the clock starts; false: as they are sent, for long loads
  double rate = 0;         // open loop: events a second, whatever the answers; 0: each connection waits for its answer
  std::string ids_file;    // the ids that were answered 200, a line each; empty: not written
};

struct LoadResult {
  double seconds = 0;                 // from the first byte sent to the last answer
  double cpu_seconds = 0;             // of this program meanwhile
  uint64_t bytes = 0;                 // of bodies sent
  std::map<int, uint64_t> by_status;  // 0: the connection broke
  // Of answers 200, sorted. In an open loop from the moment the event was due, so that waiting for a free connection
  // counts.
  std::vector<uint32_t> latencies_us;
};

// Throws std::system_error when a connection cannot be made.
LoadResult Post(EventSource& source, const LoadOptions& options);

}  // namespace billsync::bench
