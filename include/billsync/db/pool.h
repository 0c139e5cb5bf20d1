// A bounded set of sessions.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "billsync/db/session.h"

namespace billsync::db {

// Thread-safe. Sessions are opened when first needed and dropped when broken, so a database that comes back is used
// again without a restart.
class Pool {
 public:
  Pool(ConnectOptions options, size_t size);

  // A session for the life of the lease, then given back.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Session> session) : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Session& operator*() const { return *session_; }
    Session* operator->() const { return session_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Session> session_;
  };

  // Waits up to `patience` for a free session; Transient when none came free or the server cannot be reached.
  Lease Acquire(std::chrono::milliseconds patience = std::chrono::seconds(5));

  struct Stats {
    size_t size, in_use;
    uint64_t waits;  // times Acquire found every session taken
  };
  Stats stats() const;

 private:
  void GiveBack(std::unique_ptr<Session> session);

  const ConnectOptions options_;
  const size_t size_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Session>> idle_;
  size_t in_use_ = 0;
  uint64_t waits_ = 0;
};

}  // namespace billsync::db
