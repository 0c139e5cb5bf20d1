// The order of all snapshots of one object, whatever the object is.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/stripe/merge.h"

namespace billsync::stripe {

// What orders two snapshots before anything in them is compared; the greater belongs later. Facts about the state
// machine come before time: they are certain, stamps are not.
//
// Stamps that differ by a second are believed. previous_attributes could contradict them, but not as an order: "within
// a second of" is not transitive, an event that has not arrived yet makes its neighbours look swapped, and a flip there
// and back is normal life. The one swap that has been seen, *.updated before *.created, is a fact of the state machine.
struct Place {
  bool terminal = false;      // a final state, or a *.deleted event
  bool not_creation = false;  // any but a *.created event
  int status_rank = 0;        // higher statuses cannot be followed by lower ones
  std::int64_t second = 0;    // Unix time
  bool event = false;         // not an API read, which may have been answered before the events of its second

  auto operator<=>(const Place&) const = default;
};

// Whether only time and what is in them order the two.
inline bool InOneGroup(const Place& a, const Place& b) {
  return a.terminal == b.terminal && a.not_creation == b.not_creation && a.status_rank == b.status_rank;
}

// What the order looks at. `event` must outlive the call; its payload has been read before, so it is JSON.
struct Candidate {
  const StoredEvent* event = nullptr;
  Place place;
  std::array<std::int64_t, 2> progress{};  // numbers that only grow; compared in turn
};

// Candidates of one place, by event id; indices into the input.
using TiedSet = std::vector<size_t>;

// All candidates, oldest place first.
std::vector<TiedSet> TiedSets(std::span<const Candidate> candidates);

// How many sets below a tied set its order depends on: the newest of the set below is what previous_attributes are
// compared with, and putting that set in order takes the one below it, and so on. Bounded, so that an object that
// changes twice in each of its seconds does not depend on its whole history.
inline constexpr size_t kAnchorReach = 2;

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
