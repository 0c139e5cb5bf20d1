// The order of all snapshots of one object, whatever the object is.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/stripe/merge.h"
#include "chain.h"

namespace billsync::stripe {

// What the order looks at. Views must outlive the call.
struct Candidate {
  std::string_view event_id;
  bool terminal = false;  // a final state, or a *.deleted event
  bool creation = false;  // a *.created event
  int status_rank = 0;    // higher statuses cannot be followed by lower ones
  Instant created;        // compared in whole seconds
  bool api_read = false;
  ChainLink link;
  std::array<std::int64_t, 2> progress{};  // numbers that only grow; compared in turn
};

struct Placement {
  size_t candidate;  // index into the input
  OrderRule above_previous;
};

struct Ordering {
  std::vector<Placement> placements;  // oldest → newest
  std::vector<size_t> rivals;         // candidates that nothing but the id put below the newest
};

// Event ids must be unique. The result depends on the set of candidates only, not on their positions.
Ordering PutInOrder(std::span<const Candidate> candidates);

}  // namespace billsync::stripe
