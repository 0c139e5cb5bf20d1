// Laws of the fold, on one set of events.
#pragma once

#include <vector>

#include "billsync/stripe/event_use.h"
#include "billsync/stripe/merge.h"

namespace billsync::fuzz {

// The set decides, not its order nor its repetitions; every event is accounted for; what is deleted stays deleted when
// more becomes known. `use` says which fold; ids are unique. Throws like Must.
void CheckFoldLaws(stripe::EventUse use, const std::vector<stripe::StoredEvent>& events);

}  // namespace billsync::fuzz
