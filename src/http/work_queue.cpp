#include "work_queue.h"

#include <utility>

namespace billsync::http {

WorkQueue::WorkQueue(size_t workers) : max_streams_(workers > 1 ? workers - 1 : 1) {}

void WorkQueue::Push(RequestJob job) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void WorkQueue::Push(StreamJob job) {
  {
    const std::lock_guard lock(mutex_);
    streams_.push_back(std::move(job));
  }
  changed_.notify_one();
}

std::optional<Job> WorkQueue::Take() {
  std::unique_lock lock(mutex_);
  const auto stream_may_run = [this] { return !streams_.empty() && running_streams_ < max_streams_; };
  changed_.wait(lock, [&] { return closed_ || !requests_.empty() || stream_may_run(); });
  if (closed_) return std::nullopt;
  if (!requests_.empty()) {
    Job job = std::move(requests_.front());
    requests_.pop_front();
    return job;
  }
  ++running_streams_;
  Job job = std::move(streams_.front());
  streams_.pop_front();
  return job;
}

void WorkQueue::StreamDone() {
  {
    const std::lock_guard lock(mutex_);
    --running_streams_;
  }
  changed_.notify_one();
}

void WorkQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace billsync::http
