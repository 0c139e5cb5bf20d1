// The events the folds of a batch look at.
#pragma once

#include <cstdint>
#include <map>

#include "billsync/base/instant.h"
#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// Fills in `events` of each object: all that are stored under its id, or fewer that fold to the same row. An object
// that has many gets a checkpoint (billing_checkpoints), from which the next batch begins to read; one that is found to
// lack an event is made anew. Memory does not grow with the number of events, but for those of one second. The
// transaction must hold the objects' advisory locks; `now` is the batch's. Returns how many events were read.
int64_t ReadObjectEvents(db::Transaction& tx, std::map<ObjectKey, Object>& objects, Instant now);

}  // namespace billsync::apply
