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

// The period the subscription's row shows, and when Stripe last began to count its periods anew.
struct PresentPeriod {
  Instant start, end;
  std::optional<Instant> anchor = std::nullopt;
};

struct HeldTier {
  Tier tier = Tier::kFree;
  Instant until;

  bool operator==(const HeldTier&) const = default;
};

// The highest tier above `now_tier` that a snapshot paid for and whose period still runs: held until that period ends,
// or the present one if that is sooner. `history` is the fold's order, oldest first, the winner last; older entries may
// be missing that repeat what a newer one shows.
//
// Paid: active with its invoices collected, and nothing since shows that the payment for that tier failed; a trial was
// not paid. Still runs: the present period began before that snapshot, or with the change itself (another interval
// begins a period of its own, at which Stripe sets the anchor); once it is renewed the change has had its time. Nothing
// is held past the winner's own event. Whether the subscription entitles at all is not asked here. Pure.
std::optional<HeldTier> FindHeldTier(std::span<const BoughtTier> history, Tier now_tier, const PresentPeriod& present);

}  // namespace billsync::billing
