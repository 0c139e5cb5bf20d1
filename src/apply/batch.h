// One transaction of applying: claim events, fold their objects, write rows, users and outcomes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "billsync/apply/applier.h"
#include "billsync/db/session.h"

namespace billsync::apply {

struct BatchResult {
  size_t claimed = 0;
  std::map<std::string, uint64_t> by_status;  // how it ended
  int64_t plan_changes = 0;
  uint64_t ties = 0;        // rows that only the id of an event of this batch decided
  int64_t events_read = 0;  // of all touched objects; an object with a checkpoint is not read whole
};

// What a batch claims.
struct Selection {
  // These events, as far as they are received or parked; empty: up to options.batch that are due.
  std::vector<std::string> ids = {};
  // One due event that is parked as apply_failed. Such an event may bring down any batch, so no batch of due events
  // takes it: it is tried alone.
  bool failed_before = false;
  // Of events that were never tried only those due by this moment of the database's clock; none: all that are due.
  std::optional<Instant> due_by = std::nullopt;
};

// What a batch that failed had come to.
struct Claim {
  std::vector<std::string> ids;  // what it held
  bool past_keys = false;        // it had all locks of its own kind: what it waited for since, others hold
};

// Claims events and applies them in one transaction. Throws db::Error, PlanMapSuperseded too; then nothing was done and
// `claim` (if given) tells what the batch held.
BatchResult ApplyBatch(db::Session& session, const ApplyOptions& options, Instant now, const Selection& selection,
                       Claim* claim);

// Those of the events whose user's row somebody else holds this moment. Changes nothing.
std::vector<std::string> EventsOfHeldUsers(db::Session& session, const ApplyOptions& options, Instant now,
                                           const std::vector<std::string>& event_ids);

// Parks events as apply_failed in a transaction of its own.
void ParkFailed(db::Session& session, const std::vector<std::string>& event_ids, const std::string& detail,
                Instant now);

// Makes events due that a release had to skip, because they were being applied when their cause was mended. To be
// called before each batch: one look at an empty table, mostly.
void ReleaseMissed(db::Session& session);

}  // namespace billsync::apply
