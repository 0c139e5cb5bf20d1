// Rows of stripe_events as events.
#pragma once

#include "billsync/apply/event_log.h"
#include "billsync/db/session.h"

namespace billsync::apply {

// A row with all the columns of ListEvents.
EventSummary ReadSummary(const db::Row& row);

}  // namespace billsync::apply
