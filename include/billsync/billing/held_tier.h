// "Upgrades act at once, downgrades when the entitlement ends": the tier that was paid for and is still running.
#pragma once

#include <map>
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
  std::optional<std::string> invoice = std::nullopt;  // its newest one then
};

// What is known of an invoice a snapshot names.
struct KnownInvoice {
  bool paid = false;
  std::optional<Instant> finalized_at = std::nullopt;  // none while it is a draft, and where its events do not say it
};
using KnownInvoices = std::map<std::string, KnownInvoice>;

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
// be missing that repeat what a newer one shows, but for the earliest of each tier with an invoice.
//
// Paid: active with its invoices collected, nothing since shows that the payment for that tier failed, and the
// snapshot's newest invoice is one for that tier and is paid; a trial was not paid. An invoice is for the lowest tier
// of the running snapshots that name it, from the first on and until it was finalized: what is prorated waits for the
// next one. An invoice that `invoices` does not have is taken as paid, as far as the subscription's status goes. Still
// runs: the present period began before that snapshot, or with the change itself (another interval begins a period of
// its own, at which Stripe sets the anchor); once it is renewed the change has had its time. Nothing is held past the
// winner's own event. Whether the subscription entitles at all is not asked here. Pure.
std::optional<HeldTier> FindHeldTier(std::span<const BoughtTier> history, Tier now_tier, const PresentPeriod& present,
                                     const KnownInvoices& invoices = {});

}  // namespace billsync::billing
