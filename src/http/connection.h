// One client connection, as the front thread sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "deadline_queue.h"
#include "head.h"
#include "head_scanner.h"
#include "stream_pipe.h"
#include "transport.h"

namespace billsync::http {

enum class Phase {
  kHandshake,  // TLS is being set up
  kReading,    // a request is awaited or on its way
  kAnswering,  // a whole request is with the workers; input stays in the kernel
  kFlushing,   // its answer is being written
  kLingering,  // answered for the last time; what still arrives is thrown away until the client closes too
  kClosed,
};

struct Connection {
  uint64_t id = 0;
  std::unique_ptr<Transport> transport;
  std::string peer;
  Phase phase = Phase::kReading;
  uint32_t interest = 0;              // what epoll watches for
  std::optional<TimePoint> deadline;  // owned by DeadlineQueue
  bool over_cap = false;              // here only to be told so

  // The request that is arriving, then whatever the client sent after it.
  std::string in;
  size_t in_work = 0;       // bytes of the body that is with the workers
  size_t in_accounted = 0;  // part of Front::buffered_
  bool empty_line_skipped = false;
  HeadScanner scanner;
  std::optional<CheckedHead> head;

  // The request that is being answered.
  size_t requests = 0;
  bool head_only = false;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool out_of_sync = false;  // refused before its end was found: nothing on this connection is read as a request again

  // The answer.
  std::string out;
  size_t sent = 0;
  bool close_after = false;
  std::shared_ptr<StreamPipe> pipe;  // set while a streamed answer is not finished
};

}  // namespace billsync::http
