// Which tier and quota a user has, given the subscriptions and the time.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "billsync/base/instant.h"
#include "billsync/billing/plan_map.h"

namespace billsync::billing {

// What of a billing_subscriptions row decides an entitlement.
struct SubscriptionFacts {
  std::string id;  // sub_…
  Tier tier = Tier::kFree;
  std::string status;  // Stripe's text; unknown ones entitle to nothing
  Instant period_end;
  std::optional<Instant> past_due_since;
};

struct EntitlementPolicy {
  // past_due entitles for this long after it began.
  std::chrono::days grace{7};
  // Stripe renews a period within hours and retries a webhook for three days; an active subscription whose period ended
  // longer ago than this has fallen silent and entitles no more.
  std::chrono::days silence{7};
};

// Why one subscription does or does not entitle.
enum class Standing { kEntitles, kEntitlesInGrace, kStatusDoesNot, kGraceOver, kSilent };

// A short cause for billing_plan_changes: "status canceled", "grace over", …
std::string Explain(Standing standing, const SubscriptionFacts& subscription);

Standing StandingOf(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy);

struct Entitlement {
  Tier tier = Tier::kFree;
  std::optional<std::string> subscription;  // the one that entitles; none for free
  std::string cause;
};

// The highest tier among the subscriptions that entitle; ties go to the later period end, then to the smaller id, so
// the answer does not depend on the order of the rows. None entitles → free.
Entitlement DecideEntitlement(std::span<const SubscriptionFacts> subscriptions, Instant now,
                              const EntitlementPolicy& policy);

}  // namespace billsync::billing
