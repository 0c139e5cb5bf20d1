// Carries a streamed answer from the worker that produces it to the thread that owns the socket.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "billsync/http/response.h"

namespace billsync::http {

// Holds at most about 256 KiB: that is all the memory an export of any size takes here.
class StreamPipe {
 public:
  static constexpr size_t kCapacity = size_t{256} << 10U;

  // `notify` tells the reader to Take; called from the writer's thread, at most once per Take.
  StreamPipe(std::function<void()> notify, bool chunked);

  // Writer. Runs `body` to its end and closes the pipe accordingly. Returns whether the answer is whole; exceptions of
  // `body` come through after the pipe is marked as cut.
  bool Produce(const StreamBody& body);

  enum class State { kOpen, kWhole, kCut };

  // Reader. Appends what has gathered to `out`. kOpen: more follows, after a notification if nothing came now;
  // kWhole: that was all, the final chunk included; kCut: the producer gave up.
  State Take(std::string& out);

  // Reader: the client is gone. Writing fails from now on.
  void Abandon();

 private:
  bool Write(std::string_view bytes);
  bool Flush();
  void End(State state);
  bool Push(std::string bytes, State state);

  const std::function<void()> notify_;
  const bool chunked_;
  std::string gathered_;  // writer only: small pieces become one chunk

  std::mutex mutex_;
  std::condition_variable taken_;
  std::string buffer_;
  State state_ = State::kOpen;
  bool notified_ = false;
  bool abandoned_ = false;
};

}  // namespace billsync::http
