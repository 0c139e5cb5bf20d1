#include "billsync/billing/held_tier.h"

#include <algorithm>
#include <tuple>

namespace billsync::billing {
namespace {

// Whether a later snapshot of that tier, or of a higher one, shows what follows a failed payment, or that nothing was
// collected.
bool FailedSince(std::span<const BoughtTier> later, Tier tier) {
  return std::ranges::any_of(later, [&](const BoughtTier& one) {
    const bool fine = (one.status == "active" || one.status == "trialing") && !one.collection_paused;
    return one.tier && *one.tier >= tier && !fine;
  });
}

bool StillRuns(const BoughtTier& bought, const PresentPeriod& present) {
  return present.start <= bought.at || present.anchor == present.start;
}

}  // namespace

std::optional<HeldTier> FindHeldTier(std::span<const BoughtTier> history, Tier now_tier, const PresentPeriod& present) {
  std::optional<HeldTier> held;
  for (size_t i = 0; i < history.size(); ++i) {
    const BoughtTier& bought = history[i];
    if (!bought.tier || *bought.tier <= now_tier || bought.status != "active" || bought.collection_paused) continue;
    if (!bought.period_end || !StillRuns(bought, present)) continue;
    const HeldTier candidate{*bought.tier, std::min(*bought.period_end, present.end)};
    if (candidate.until <= history.back().at || FailedSince(history.subspan(i + 1), *bought.tier)) continue;
    if (!held || std::tie(held->tier, held->until) < std::tie(candidate.tier, candidate.until)) held = candidate;
  }
  return held;
}

}  // namespace billsync::billing
