#include "billsync/admin/readiness.h"

#include "billsync/base/log.h"
#include "billsync/db/migrator.h"

namespace billsync::admin {
namespace {

// A server that hangs takes the question and never answers it.
constexpr std::chrono::seconds kCheckAtMost{2};

}  // namespace

Readiness::Readiness(db::Pool& pool) : pool_(pool) {
  Check();
  thread_ = std::jthread([this](const std::stop_token& stop) { Loop(stop); });
}

std::string Readiness::NotReadyBecause() const {
  const std::lock_guard lock(mutex_);
  const bool hangs = checking_since_ && std::chrono::steady_clock::now() - *checking_since_ > kCheckAtMost;
  return hangs ? "the database does not answer" : reason_;
}

void Readiness::AddTo(http::Router& router) {
  router.Add("GET", "/healthz", [](http::Request&&, http::Responder responder) {
    responder.Send({.status = 200, .content_type = "application/json", .body = "{\"status\":\"up\"}"});
  });
  router.Add("GET", "/readyz", [this](http::Request&&, http::Responder responder) {
    const std::string reason = NotReadyBecause();
    if (reason.empty()) {
      responder.Send({.status = 200, .content_type = "application/json", .body = "{\"status\":\"ready\"}"});
      return;
    }
    auto response = http::Problem(503, "not_ready", reason);
    response.headers.emplace_back("Retry-After", "1");
    responder.Send(std::move(response));
  });
}

void Readiness::Loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    if (stop.stop_requested()) return;
    lock.unlock();
    Check();
    lock.lock();
  }
}

void Readiness::Check() {
  {
    const std::lock_guard lock(mutex_);
    checking_since_ = std::chrono::steady_clock::now();
  }
  std::string reason;
  try {
    auto session = pool_.Acquire(std::chrono::seconds(1));
    reason = db::WhyUnfit(*session);
  } catch (const db::Bug& e) {
    reason = "the schema does not fit this program; run: billsync doctor";
    Log(LogLevel::kError, "readiness check failed", {{"error", e.what()}});
  } catch (const std::exception&) {
    reason = "the database cannot be reached";
  }
  const std::lock_guard lock(mutex_);
  checking_since_.reset();
  if (reason != reason_) {
    Log(reason.empty() ? LogLevel::kInfo : LogLevel::kWarning, reason.empty() ? "ready" : "not ready",
        {{"reason", reason}});
  }
  reason_ = reason;
}

}  // namespace billsync::admin
