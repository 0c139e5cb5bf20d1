#include "billsync/billing/held_tier.h"

#include <algorithm>
#include <tuple>

namespace billsync::billing {
namespace {

// The event that took the tier of history[from] away, if the period had been paid until then.
const BoughtTier* LoweringOf(std::span<const BoughtTier> history, size_t from) {
  for (size_t at = from + 1; at < history.size(); ++at) {
    const BoughtTier& later = history[at];
    if (later.status != "active" && later.status != "trialing") return nullptr;
    if (later.tier && *later.tier < *history[from].tier) return &later;
  }
  return nullptr;
}

Instant EarliestEnd(std::span<const BoughtTier> snapshots) {
  Instant earliest = Instant::max();
  for (const BoughtTier& one : snapshots) earliest = std::min(earliest, one.period_end.value_or(earliest));
  return earliest;
}

}  // namespace

std::optional<HeldTier> FindHeldTier(std::span<const BoughtTier> history, Tier now_tier) {
  std::optional<HeldTier> held;
  for (size_t i = 0; i < history.size(); ++i) {
    const BoughtTier& bought = history[i];
    if (!bought.tier || *bought.tier <= now_tier || bought.status != "active" || bought.collection_paused) continue;
    const BoughtTier* lowering = LoweringOf(history, i);
    if (lowering == nullptr || !bought.period_end || *bought.period_end <= lowering->at) continue;
    const HeldTier candidate{*bought.tier, EarliestEnd(history.subspan(i))};
    if (candidate.until <= history.back().at) continue;
    if (!held || std::tie(held->tier, held->until) < std::tie(candidate.tier, candidate.until)) held = candidate;
  }
  return held;
}

}  // namespace billsync::billing
