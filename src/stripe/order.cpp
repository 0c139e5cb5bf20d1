#include "order.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "tied_set.h"

namespace billsync::stripe {
namespace {

// The rule that separates two candidates of different places.
OrderRule RuleBetween(const Place& below, const Place& above) {
  if (below.terminal != above.terminal) return OrderRule::kTerminal;
  if (below.not_creation != above.not_creation) return OrderRule::kNotCreation;
  if (below.status_rank != above.status_rank) return OrderRule::kStatusRank;
  if (below.second != above.second) return OrderRule::kTime;
  return OrderRule::kEventOverRead;
}

// The event that was right before set `i`, as far as `reach` sets further down tell; null: none.
const StoredEvent* AnchorOf(std::span<const Candidate> candidates, std::span<const TiedSet> sets, size_t i,
                            size_t reach) {
  if (i == 0 || reach == 0) return nullptr;
  const TiedSet& below = sets[i - 1];
  if (below.size() == 1) return candidates[below.front()].event;
  const auto ordering = OrderTiedSet(candidates, below, AnchorOf(candidates, sets, i - 1, reach - 1));
  return candidates[ordering.placements.back().candidate].event;
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

std::vector<TiedSet> TiedSets(std::span<const Candidate> candidates) {
  std::vector<size_t> sorted(candidates.size());
  std::iota(sorted.begin(), sorted.end(), size_t{0});
  std::sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) {
    return std::tie(candidates[a].place, candidates[a].event->id) <
           std::tie(candidates[b].place, candidates[b].event->id);
  });
  std::vector<TiedSet> sets;
  for (const size_t i : sorted) {
    if (sets.empty() || candidates[sets.back().front()].place != candidates[i].place) sets.emplace_back();
    sets.back().push_back(i);
  }
  return sets;
}

Ordering PutInOrder(std::span<const Candidate> candidates) {
  Ordering ordering;
  const auto sets = TiedSets(candidates);
  for (size_t i = 0; i < sets.size(); ++i) {
    const bool alone = sets[i].size() == 1;
    auto tied = OrderTiedSet(candidates, sets[i], alone ? nullptr : AnchorOf(candidates, sets, i, kAnchorReach));
    tied.placements.front().above_previous =
        i == 0 ? OrderRule::kFirst
               : RuleBetween(candidates[sets[i - 1].front()].place, candidates[sets[i].front()].place);
    ordering.placements.insert(ordering.placements.end(), tied.placements.begin(), tied.placements.end());
    ordering.rivals = std::move(tied.rivals);
  }
  return ordering;
}

}  // namespace billsync::stripe
