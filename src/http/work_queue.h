// Work for the threads that run handlers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "billsync/http/response.h"
#include "head.h"
#include "stream_pipe.h"

namespace billsync::http {

// A whole request.
struct RequestJob {
  uint64_t connection = 0;
  CheckedHead head;
  std::string body;
  std::string remote_addr;
};
// The body of a streamed answer.
struct StreamJob {
  uint64_t connection = 0;
  StreamBody body;
  std::shared_ptr<StreamPipe> pipe;
};
using Job = std::variant<RequestJob, StreamJob>;

// Requests come before streams, and streams never take the last worker of several: slow downloads must not keep the
// metrics page or a login waiting. Not bounded here: the front bounds what it pushes.
class WorkQueue {
 public:
  explicit WorkQueue(size_t workers);

  void Push(RequestJob job);
  void Push(StreamJob job);
  // Blocks; none after Close, even if work is left.
  std::optional<Job> Take();
  // After each StreamJob.
  void StreamDone();
  void Close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RequestJob> requests_;
  std::deque<StreamJob> streams_;
  const size_t max_streams_;
  size_t running_streams_ = 0;
  bool closed_ = false;
};

}  // namespace billsync::http
