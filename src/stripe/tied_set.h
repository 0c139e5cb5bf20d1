// The order inside one second, where time does not tell.
#pragma once

#include <span>
#include <vector>

#include "order.h"

namespace billsync::stripe {

// Orders the candidates at `members` (sorted by event id) by the path through all of them that fits
// previous_attributes best, starting from `anchor`, the event right below the set (null: none). Paths that fit equally
// well are told apart from their ends backwards: by progress, then by event id. Of more than some hundred members only
// progress and event id are looked at, and all stay rivals.
Ordering OrderTiedSet(std::span<const Candidate> candidates, std::span<const size_t> members,
                      const StoredEvent* anchor);

}  // namespace billsync::stripe
