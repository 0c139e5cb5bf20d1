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
  int64_t events_read = 0;  // of all touched objects; an object with a checkpoint is not read whole
};

// What a batch claims.
struct Selection {
  // These events, as far as they are received or parked; empty: up to options.batch that are due.
  std::vector<std::string> ids = {};
  // One due event that is parked as apply_failed. Such an event may bring down any batch, so no batch of due events
  // takes it: it is tried alone.
  bool failed_before = false;
};

// Claims events and applies them in one transaction. Throws db::Error; then nothing was done and `claimed_ids` (if
// given) tells what the batch held.
BatchResult ApplyBatch(db::Session& session, const ApplyOptions& options, Instant now, const Selection& selection,
                       std::vector<std::string>* claimed_ids);

// Parks one event as apply_failed in a transaction of its own.
void ParkFailed(db::Session& session, const std::string& event_id, const std::string& detail, Instant now);

// Makes events due that a release had to skip, because they were being applied when their cause was mended. To be
// called before each batch: one look at an empty table, mostly.
void ReleaseMissed(db::Session& session);

}  // namespace billsync::apply
