// previous_attributes as evidence: what must have come right before what.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "billsync/stripe/json.h"
#include "billsync/stripe/merge.h"

namespace billsync::stripe {

// One event of the tied set: the object right after its change, and the old values of what it changed.
struct ChainLink {
  JsonValue object;
  JsonValue previous;  // missing or null when the event does not say
};

// The parts of an event's payload; the object of an API read is the whole of it.
ChainLink LinkOf(const StoredEvent& event, JsonValue root);

// True when `old_value`, rolled back from a later event, is what `actual` shows. Objects agree member by member, with
// missing as good as null. Arrays of objects with ids agree element by element in any order, on the members both
// carry: versions render items with different extras. Everything else must be equal.
bool Agrees(JsonValue old_value, JsonValue actual);

// How badly each event of a tied set fits as the direct successor of each other. Compared are the top-level keys that
// any event of the set says it changed; each that disagrees costs kMismatch. 0 is a perfect fit.
class ChainCosts {
 public:
  static constexpr int kMismatch = 2;

  // `anchor`: the object as it was before the set, if known. The JSON documents must outlive this.
  ChainCosts(std::span<const ChainLink> links, std::optional<JsonValue> anchor);

  // Cost of `to` coming right after `from`.
  int Step(size_t from, size_t to) const { return steps_[from * size_ + to]; }
  // Cost of `to` being the first of the set.
  int Start(size_t to) const { return starts_[to]; }

 private:
  struct States {
    std::vector<JsonValue> before;  // per compared key
    std::vector<JsonValue> after;
  };

  States StatesOf(const ChainLink& link, std::span<const std::string_view> keys);
  static int Cost(const std::vector<JsonValue>& from_after, const States& to);

  size_t size_;
  std::deque<JsonDocument> rolled_back_;  // owns what `before` views
  std::vector<int> steps_;
  std::vector<int> starts_;
};

}  // namespace billsync::stripe
