// Keeps the lease of a running job alive.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "billsync/db/pool.h"

namespace billsync::jobs {

// Extends the lease every ten seconds, from its own session, for as long as it lives. A job that outlives its lease
// because the database was away is run again elsewhere; jobs are idempotent, so that costs time, not truth.
class LeaseKeeper {
 public:
  LeaseKeeper(db::Pool& pool, std::string job, std::string owner);

 private:
  void Loop(const std::stop_token& stop);

  db::Pool& pool_;
  const std::string job_, owner_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace billsync::jobs
