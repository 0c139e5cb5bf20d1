#include "order.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <tuple>

#include "tied_set.h"

namespace billsync::stripe {
namespace {

// Facts about the state machine come before time: they are certain, stamps are not.
auto SortKey(const Candidate& c) {
  return std::tuple(c.terminal, !c.creation, c.status_rank, UnixSeconds(c.created), !c.api_read);
}

// The rule that separates two candidates of different keys.
OrderRule RuleBetween(const Candidate& below, const Candidate& above) {
  if (below.terminal != above.terminal) return OrderRule::kTerminal;
  if (below.creation != above.creation) return OrderRule::kNotCreation;
  if (below.status_rank != above.status_rank) return OrderRule::kStatusRank;
  if (UnixSeconds(below.created) != UnixSeconds(above.created)) return OrderRule::kTime;
  return OrderRule::kEventOverRead;
}

std::vector<size_t> SortedByKey(std::span<const Candidate> candidates) {
  std::vector<size_t> indices(candidates.size());
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = i;
  std::sort(indices.begin(), indices.end(), [&](size_t a, size_t b) {
    const auto key_a = SortKey(candidates[a]);
    const auto key_b = SortKey(candidates[b]);
    if (key_a != key_b) return key_a < key_b;
    return candidates[a].event_id < candidates[b].event_id;
  });
  return indices;
}

}  // namespace

std::string_view Code(OrderRule rule) {
  switch (rule) {
    case OrderRule::kFirst:
      return "first";
    case OrderRule::kTerminal:
      return "terminal";
    case OrderRule::kNotCreation:
      return "not_creation";
    case OrderRule::kStatusRank:
      return "status_rank";
    case OrderRule::kTime:
      return "time";
    case OrderRule::kEventOverRead:
      return "event_over_read";
    case OrderRule::kChain:
      return "chain";
    case OrderRule::kProgress:
      return "progress";
    case OrderRule::kEventId:
      return "event_id";
  }
  throw std::logic_error("unknown OrderRule");
}

Ordering PutInOrder(std::span<const Candidate> candidates) {
  Ordering ordering;
  const auto sorted = SortedByKey(candidates);
  for (auto begin = sorted.begin(); begin != sorted.end();) {
    const auto end = std::find_if(begin, sorted.end(),
                                  [&](size_t i) { return SortKey(candidates[i]) != SortKey(candidates[*begin]); });
    const Candidate* anchor = begin == sorted.begin() ? nullptr : &candidates[ordering.placements.back().candidate];
    auto tied = OrderTiedSet(candidates, {begin, end}, anchor);
    tied.placements.front().above_previous =
        anchor == nullptr ? OrderRule::kFirst : RuleBetween(*anchor, candidates[*begin]);
    ordering.placements.insert(ordering.placements.end(), tied.placements.begin(), tied.placements.end());
    ordering.rivals = std::move(tied.rivals);
    begin = end;
  }
  return ordering;
}

}  // namespace billsync::stripe
