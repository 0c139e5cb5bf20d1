#include "billsync/billing/planned_change.h"

#include <algorithm>
#include <limits>
#include <map>

namespace billsync::billing {
namespace {

using Meaning = std::function<PriceMeaning(const std::string& price)>;

using Quantities = std::map<std::string, std::int64_t>;

// How many there are of each price that has a number.
Quantities QuantitiesOf(const std::vector<PlannedItem>& items) {
  Quantities quantities;
  for (const auto& [price, quantity] : items) {
    if (!quantity) continue;
    auto& sum = quantities[price];
    if (__builtin_add_overflow(sum, *quantity, &sum)) sum = std::numeric_limits<std::int64_t>::max();
  }
  return quantities;
}

// The price that decides a phase's tier: the highest that is known, else the first; add-ons alone leave the free tier.
PlannedChange ChangeTo(const PlannedPhase& phase, const Meaning& meaning) {
  PlannedChange change{*phase.start, std::nullopt, std::nullopt};
  bool unknown = false;
  for (const auto& [price, quantity] : phase.items) {
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

// The price whose number differs from the present one: the present price if its does, else the first by id.
std::optional<std::string> OtherQuantity(const Quantities& then, const PresentPlan& present) {
  const auto now = QuantitiesOf(present.items);
  const auto differs = [&](const std::string& price) {
    const auto a = then.find(price), b = now.find(price);
    return a != then.end() && b != now.end() && a->second != b->second;
  };
  if (differs(present.price)) return present.price;
  for (const auto& [price, quantity] : then) {
    if (differs(price)) return price;
  }
  return std::nullopt;
}

// None when the phase goes on with what there is.
std::optional<PlannedChange> ChangeIn(const PlannedPhase& phase, const PresentPlan& present, const Meaning& meaning) {
  auto change = ChangeTo(phase, meaning);
  const bool same_tier = !change.tier || *change.tier == present.tier;
  const bool kept = std::ranges::find(phase.items, present.price, &PlannedItem::price) != phase.items.end();
  if (change.tier && same_tier && kept) change.price = present.price;
  const auto quantities = QuantitiesOf(phase.items);
  if (same_tier && change.price == present.price) {
    const auto other = OtherQuantity(quantities, present);
    if (!other) return std::nullopt;
    change.price = other;
  }
  const auto quantity = quantities.find(change.price.value_or(""));
  if (quantity != quantities.end()) change.quantity = quantity->second;
  return change;
}

}  // namespace

std::optional<PlannedChange> FindPlannedChange(const ScheduleFacts& schedule, const PresentPlan& present,
                                               const Meaning& meaning) {
  if (schedule.status != "active" && schedule.status != "not_started") return std::nullopt;
  const Instant known = std::max(schedule.as_of, present.as_of);
  for (const auto& phase : schedule.phases) {
    if (!phase.start || *phase.start <= known || phase.items.empty()) continue;
    if (auto change = ChangeIn(phase, present, meaning)) return change;
  }
  if (schedule.end_behavior != "cancel" || schedule.phases.empty()) return std::nullopt;
  const auto& end = schedule.phases.back().end;
  if (!end || *end <= known) return std::nullopt;
  return PlannedChange{*end, std::nullopt, Tier::kFree};
}

}  // namespace billsync::billing
