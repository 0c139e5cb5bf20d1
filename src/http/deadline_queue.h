// Which connection is due first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace billsync::http {

// Steady, because a clock step must neither close every connection nor keep one for ever.
using TimePoint = std::chrono::steady_clock::time_point;

// At most one deadline per id; the caller remembers it, to find it again.
class DeadlineQueue {
 public:
  void Set(uint64_t id, std::optional<TimePoint>& current, std::optional<TimePoint> next) {
    if (current == next) return;
    if (current) queue_.erase({*current, id});
    if (next) queue_.insert({*next, id});
    current = next;
  }
  std::optional<TimePoint> First() const {
    return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->first);
  }
  // The id whose deadline is not after `now` and comes first.
  std::optional<uint64_t> FindDue(TimePoint now) const {
    return queue_.empty() || queue_.begin()->first > now ? std::nullopt : std::optional(queue_.begin()->second);
  }

 private:
  std::set<std::pair<TimePoint, uint64_t>> queue_;
};

}  // namespace billsync::http
