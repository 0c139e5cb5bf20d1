#include "stream_pipe.h"

#include <utility>

#include "response_writer.h"

namespace billsync::http {
namespace {

constexpr size_t kChunkBytes = size_t{32} << 10U;

}  // namespace

StreamPipe::StreamPipe(std::function<void()> notify, bool chunked) : notify_(std::move(notify)), chunked_(chunked) {}

bool StreamPipe::Produce(const StreamBody& body) {
  bool whole = false;
  try {
    // The empty write asks whether the client is still there: a body may begin with a long query.
    whole = Write("") && body([this](std::string_view bytes) { return Write(bytes); }) && Flush();
  } catch (...) {
    End(State::kCut);
    throw;
  }
  End(whole ? State::kWhole : State::kCut);
  return whole;
}

bool StreamPipe::Write(std::string_view bytes) {
  // A piece of any size is cut so that it never takes more than a chunk beside the buffer.
  while (!bytes.empty()) {
    const size_t room = kChunkBytes - gathered_.size();
    gathered_.append(bytes.substr(0, room));
    bytes.remove_prefix(std::min(room, bytes.size()));
    if (gathered_.size() == kChunkBytes && !Flush()) return false;
  }
  const std::lock_guard lock(mutex_);
  return !abandoned_;
}

bool StreamPipe::Flush() {
  if (gathered_.empty()) return true;
  std::string bytes = std::exchange(gathered_, {});
  return Push(chunked_ ? WriteChunk(bytes) : std::move(bytes), State::kOpen);
}

void StreamPipe::End(State state) {
  Push(state == State::kWhole && chunked_ ? std::string(kLastChunk) : std::string(), state);
}

bool StreamPipe::Push(std::string bytes, State state) {
  bool notify = false;
  {
    std::unique_lock lock(mutex_);
    // Waits without a time limit of its own: the connection's write deadline abandons the pipe.
    taken_.wait(lock, [this] { return abandoned_ || buffer_.size() < kCapacity; });
    if (abandoned_) return false;
    buffer_ += bytes;
    state_ = state;
    notify = !std::exchange(notified_, true);
  }
  if (notify) notify_();
  return true;
}

StreamPipe::State StreamPipe::Take(std::string& out) {
  const std::lock_guard lock(mutex_);
  out += buffer_;
  buffer_.clear();
  notified_ = false;
  taken_.notify_all();
  return state_;
}

void StreamPipe::Abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  taken_.notify_all();
}

}  // namespace billsync::http
