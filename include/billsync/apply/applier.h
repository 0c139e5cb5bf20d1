// stripe_events → billing_subscriptions, billing_invoices, users.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "billsync/apply/adoption.h"
#include "billsync/base/instant.h"
#include "billsync/base/log.h"
#include "billsync/billing/entitlement.h"
#include "billsync/billing/plan_map.h"
#include "billsync/db/pool.h"

namespace billsync::apply {

struct BatchResult;
struct Selection;
struct Claim;

struct ApplyOptions {
  billing::PlanMap plans{{}, {}};
  billing::EntitlementPolicy policy;
  bool link_by_email = false;
  // As AdoptPlanMap was told: while another map is in force nothing is applied. Empty: whatever is in force.
  std::string plan_fingerprint = {};
  int64_t batch = 1024;  // events of one transaction at most
};

// Counters since the start.
struct ApplyStats {
  std::map<std::string, uint64_t> by_status;  // events by how an attempt ended
  uint64_t batches = 0, failed_batches = 0, plan_changes = 0;
  uint64_t ties = 0;  // first attempts where only the id of one of two events of a second decided what the row is
};

// Applies what is due, on a thread of its own. Any number of appliers, in any number of processes, may share a
// database. Rows are pure functions of the stored events, so applying twice or in another order changes nothing.
class Applier {
 public:
  Applier(db::Pool& pool, ApplyOptions options, Clock clock);
  ~Applier();

  // `prepare` is called on the applier's thread before the first batch, again and again until it does not throw.
  void Start(std::function<void(db::Session&)> prepare = {});
  // Finishes the running batch.
  void Stop();
  // New events are on disk: look now instead of at the next poll.
  void Wake();

  // Applies what is due, and what becomes due by it; returns the number of attempts. For the command line and tests.
  // Ends however much others store meanwhile: what comes in after it was called is left to them, and what stays parked
  // is tried once. A deadlock or a lost connection is tried again a few times, then thrown as db::Error.
  size_t ApplyAllDue();

  ApplyStats Stats() const;

 private:
  struct Round;
  void Loop(const std::stop_token& stop, std::function<void(db::Session&)> prepare);
  Round ApplyOnce(std::optional<Instant> due_by);
  void ApplySelected(db::Session& session, const Selection& selection, Round& round);
  void FindTheCause(db::Session& session, const Claim& claim, const std::exception& error, Round& round);
  void Park(db::Session& session, const std::vector<std::string>& event_ids, const std::string& why, Round& round);
  void Count(const BatchResult& result);
  void Rest(const std::stop_token& stop, std::chrono::steady_clock::time_point until);
  void Say(LogLevel level, const char* what, const std::exception& error);

  db::Pool& pool_;
  const ApplyOptions options_;
  const Clock clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;
  ApplyStats stats_;
  std::atomic<bool> stopping_{false};
  std::string said_;  // the last failure that was logged; of the applying thread, as the time
  std::chrono::steady_clock::time_point said_at_;
  std::jthread thread_;
};

// A person asks for another attempt of these parked or dead events (all of them when empty). Returns how many.
int64_t RetryEvents(db::Transaction& tx, const std::vector<std::string>& event_ids);
int64_t RetryEvents(db::Session& session, const std::vector<std::string>& event_ids);

// Events that are received, parked or dead, by status and reason, and how long the oldest unapplied one has waited.
struct EventCounts {
  std::map<std::pair<std::string, std::string>, int64_t> by_status_reason;
  int64_t due = 0;
  int64_t oldest_due_s = 0;
};
EventCounts CountEvents(db::Session& session);

}  // namespace billsync::apply
