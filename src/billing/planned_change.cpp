#include "billsync/billing/planned_change.h"

#include <algorithm>

namespace billsync::billing {
namespace {

using Meaning = std::function<PriceMeaning(const std::string& price)>;

// The price that decides a phase's tier: the highest that is known, else the first; add-ons alone leave the free tier.
PlannedChange ChangeTo(const PlannedPhase& phase, const Meaning& meaning) {
  PlannedChange change{*phase.start, std::nullopt, std::nullopt};
  bool unknown = false;
  for (const auto& price : phase.prices) {
    const auto said = meaning(price);
    const auto* tier = std::get_if<Tier>(&said);
    unknown |= std::holds_alternative<UnknownPrice>(said);
    if (!change.price || (tier != nullptr && (!change.tier || *tier > *change.tier))) change.price = price;
    if (tier != nullptr) change.tier = std::max(change.tier.value_or(*tier), *tier);
  }
  if (unknown) {
    change.tier = std::nullopt;
  } else if (!change.tier) {
    change.tier = Tier::kFree;
  }
  return change;
}

}  // namespace

std::optional<PlannedChange> FindPlannedChange(const ScheduleFacts& schedule, const PresentPlan& present,
                                               const Meaning& meaning) {
  if (schedule.status != "active" && schedule.status != "not_started") return std::nullopt;
  const Instant known = std::max(schedule.as_of, present.as_of);
  for (const auto& phase : schedule.phases) {
    if (!phase.start || *phase.start <= known || phase.prices.empty()) continue;
    const auto change = ChangeTo(phase, meaning);
    if (change.price != present.price || (change.tier && *change.tier != present.tier)) return change;
  }
  if (schedule.end_behavior != "cancel" || schedule.phases.empty()) return std::nullopt;
  const auto& end = schedule.phases.back().end;
  if (!end || *end <= known) return std::nullopt;
  return PlannedChange{*end, std::nullopt, Tier::kFree};
}

}  // namespace billsync::billing
