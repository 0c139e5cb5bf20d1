// Keeps the lease of a running job alive, and its progress in sight.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "billsync/db/pool.h"

namespace billsync::jobs {

// Extends the lease every ten seconds, from its own session, for as long as it lives; and writes the job's progress
// with it, at most once a second and only when it has moved. A job that outlives its lease because the database was
// away is run again elsewhere; jobs are idempotent, so that costs time, not truth.
class LeaseKeeper {
 public:
  LeaseKeeper(db::Pool& pool, std::string job, std::string owner);

  // Thread-safe and cheap: writes nothing itself. See Progress in base.
  void Note(std::string_view what, int64_t done, int64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  // How far the job is, and where it stood when it began with `what`: the pace is reckoned from there.
  struct Mark {
    std::string what;
    int64_t done = 0, total = 0, done_at_first = 0;
    Clock::time_point since;
    std::optional<std::chrono::milliseconds> Left(Clock::time_point now) const;
  };

  void Loop(const std::stop_token& stop);
  void Write(const std::optional<Mark>& mark);

  db::Pool& pool_;
  const std::string job_, owner_;
  std::mutex mutex_;
  std::optional<Mark> mark_;
  bool moved_ = false;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace billsync::jobs
