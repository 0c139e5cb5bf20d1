// stripe_events → billing_subscriptions, billing_invoices, users.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/billing/entitlement.h"
#include "billsync/billing/plan_map.h"
#include "billsync/db/pool.h"

namespace billsync::apply {

struct BatchResult;
struct Selection;

struct ApplyOptions {
  billing::PlanMap plans{{}, {}};
  billing::EntitlementPolicy policy;
  bool link_by_email = false;
  int64_t batch = 256;  // events of one transaction at most
};

// Counters since the start.
struct ApplyStats {
  std::map<std::string, uint64_t> by_status;  // events by how an attempt ended
  uint64_t batches = 0, failed_batches = 0, plan_changes = 0;
};

// Applies what is due, on a thread of its own. Any number of appliers, in any number of processes, may share a
// database. Rows are pure functions of the stored events, so applying twice or in another order changes nothing.
class Applier {
 public:
  Applier(db::Pool& pool, ApplyOptions options, Clock clock);
  ~Applier();

  void Start();
  // Finishes the running batch.
  void Stop();
  // New events are on disk: look now instead of at the next poll.
  void Wake();

  // Applies until nothing is due; returns the number of attempts. For the command line and tests. A deadlock or a lost
  // connection is tried again a few times, then thrown as db::Error.
  size_t ApplyAllDue();

  ApplyStats Stats() const;

 private:
  void Loop(const std::stop_token& stop);
  size_t ApplyOnce();
  size_t ApplySelected(db::Session& session, const Selection& selection);
  void Count(const BatchResult& result);

  db::Pool& pool_;
  const ApplyOptions options_;
  const Clock clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;
  ApplyStats stats_;
  std::jthread thread_;
};

// A person asks for another attempt of these parked or dead events (all of them when empty). Returns how many.
int64_t RetryEvents(db::Session& session, const std::vector<std::string>& event_ids);

// Called when serve starts. If another plan map (or policy) was in force before, asks for another look at every
// subscription and at what is parked for an unmapped price, so that tiers follow the new map. The applier works that
// off in pieces, beside what comes in.
void AdoptPlanMap(db::Session& session, const std::string& fingerprint);

// Events that are received, parked or dead, by status and reason, and how long the oldest unapplied one has waited.
struct EventCounts {
  std::map<std::pair<std::string, std::string>, int64_t> by_status_reason;
  int64_t due = 0;
  int64_t oldest_due_s = 0;
};
EventCounts CountEvents(db::Session& session);

}  // namespace billsync::apply
