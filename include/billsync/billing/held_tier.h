// "Upgrades act at once, downgrades when the entitlement ends": the tier that was paid for and is still running.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "billsync/base/instant.h"
#include "billsync/billing/plan_map.h"

namespace billsync::billing {

// What one snapshot of a subscription bought.
struct BoughtTier {
  Instant at;                // of its event
  std::optional<Tier> tier;  // none while a price is unknown
  std::string status;
  bool collection_paused = false;  // its invoices are not collected
  std::optional<Instant> period_end = std::nullopt;
};

struct HeldTier {
  Tier tier = Tier::kFree;
  Instant until;

  bool operator==(const HeldTier&) const = default;
};

// The highest tier above `now_tier` that a snapshot paid for whose period was still running when a later event lowered
// it. `history` is the fold's order, oldest first, the winner last. Held until the earliest period end that the
// snapshot or any later one shows: a renewal or a shorter period after the change prolongs nothing.
//
// Paid: active with its invoices collected, and no event since, up to the one that lowered it, shows that the payment
// failed; a trial was not paid. Nothing is held past the winner's own event. Whether the subscription entitles at all
// is not asked here. Pure.
std::optional<HeldTier> FindHeldTier(std::span<const BoughtTier> history, Tier now_tier);

}  // namespace billsync::billing
