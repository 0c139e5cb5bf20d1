#include "billsync/db/pool.h"

namespace billsync::db {

Pool::Pool(ConnectOptions options, size_t size) : options_(std::move(options)), size_(size) {}

Pool::Lease::~Lease() {
  if (session_) pool_->GiveBack(std::move(session_));
}

Pool::Lease Pool::Acquire(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (in_use_ >= size_) {
    ++waits_;
    if (!freed_.wait_for(lock, patience, [&] { return in_use_ < size_; })) {
      throw Transient("every one of " + std::to_string(size_) + " database sessions is in use", "53300");
    }
  }
  ++in_use_;
  if (!idle_.empty()) {
    auto session = std::move(idle_.back());
    idle_.pop_back();
    return {*this, std::move(session)};
  }
  lock.unlock();
  try {
    return {*this, std::make_unique<Session>(options_)};
  } catch (...) {
    GiveBack(nullptr);
    throw;
  }
}

void Pool::GiveBack(std::unique_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (session && !session->Broken()) {
    idle_.push_back(std::move(session));
  } else {
    idle_.clear();  // the server went away: the idle ones are as dead as this one
  }
  freed_.notify_one();
}

Pool::Stats Pool::stats() const {
  const std::lock_guard lock(mutex_);
  return {size_, in_use_, waits_};
}

}  // namespace billsync::db
