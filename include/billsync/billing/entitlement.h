// Which tier and quota a user has, given the subscriptions and the time.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "billsync/base/instant.h"
#include "billsync/billing/held_tier.h"
#include "billsync/billing/plan_map.h"

namespace billsync::billing {

// What of a billing_subscriptions row decides an entitlement.
struct SubscriptionFacts {
  std::string id;  // sub_…
  Tier tier = Tier::kFree;
  std::string status;  // Stripe's text; unknown ones entitle to nothing
  Instant period_end;
  std::optional<Instant> past_due_since;
  std::optional<Instant> cancel_at = std::nullopt;  // a cancellation is scheduled for then
  bool collection_paused = false;               // Stripe's pause_collection: active, but its invoices are not collected
  std::optional<HeldTier> held = std::nullopt;  // what was paid for and still runs (held_tier.h)
};

struct EntitlementPolicy {
  // past_due entitles for this long after it began.
  std::chrono::days grace{7};
  // Stripe renews a period within hours and retries a webhook for three days; an active subscription whose period ended
  // longer ago than this has fallen silent and entitles no more.
  std::chrono::days silence{7};
  // Whether an active subscription whose collection is paused entitles. Stripe takes no stand.
  bool pause_collection_entitles = true;
  // A downgrade inside a period that was paid for acts when the period ends; else at once.
  bool hold_downgrades = true;
};

// Why one subscription does or does not entitle.
enum class Standing {
  kEntitles,
  kEntitlesInGrace,
  kStatusDoesNot,
  kGraceOver,
  kSilent,            // its period is long over
  kEndNotReported,    // it should have been canceled long ago
  kCollectionPaused,  // and the policy does not entitle then
};

// A short cause for billing_plan_changes: "sub_1 is canceled", "sub_1 is past_due and its grace days are over", …
std::string Explain(Standing standing, const SubscriptionFacts& subscription);

// active and trialing entitle until the period ends or the scheduled cancellation comes, whichever is first, and then
// for policy.silence more, in which Stripe tells what became of it.
Standing StandingOf(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy);

struct Entitlement {
  Tier tier = Tier::kFree;
  std::optional<std::string> subscription;  // the one that entitles; none for free
  // The one the answer is about: that one, else the best of those that do not entitle; none without any.
  std::optional<std::string> about;
  std::string cause;
};

// The highest tier among the subscriptions that entitle, a held one counting while it is held; ties go to the later
// period end, then to the smaller id, so the answer does not depend on the order of the rows. None entitles → free.
Entitlement DecideEntitlement(std::span<const SubscriptionFacts> subscriptions, Instant now,
                              const EntitlementPolicy& policy);

}  // namespace billsync::billing
