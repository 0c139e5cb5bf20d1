// Whether this process can do its work now.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "billsync/db/pool.h"
#include "billsync/http/router.h"

namespace billsync::admin {

// Asks the database once a second, so that /readyz costs nothing and cannot be used to load it.
class Readiness {
 public:
  explicit Readiness(db::Pool& pool);

  // Empty when ready; else what is missing and the way out.
  std::string NotReadyBecause() const;

  // Adds GET /healthz (the process is up) and GET /readyz (200, or 503 with the reason).
  void AddTo(http::Router& router);

 private:
  void Loop(const std::stop_token& stop);
  void Check();

  db::Pool& pool_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::string reason_ = "not checked yet";
  std::optional<std::chrono::steady_clock::time_point> checking_since_;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace billsync::admin
