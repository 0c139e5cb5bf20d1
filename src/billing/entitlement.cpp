#include "billsync/billing/entitlement.h"

#include <tuple>

namespace billsync::billing {
namespace {

bool Entitles(Standing standing) {
  switch (standing) {
    case Standing::kEntitles:
    case Standing::kEntitlesInGrace:
      return true;
    case Standing::kStatusDoesNot:
    case Standing::kGraceOver:
    case Standing::kSilent:
      return false;
  }
  return false;
}

bool Better(const SubscriptionFacts& a, const SubscriptionFacts& b) {
  return std::tie(b.tier, b.period_end, a.id) < std::tie(a.tier, a.period_end, b.id);
}

}  // namespace

std::string Explain(Standing standing, const SubscriptionFacts& subscription) {
  switch (standing) {
    case Standing::kEntitles:
      return subscription.id + " is " + subscription.status;
    case Standing::kEntitlesInGrace:
      return subscription.id + " is past_due, within its grace days";
    case Standing::kStatusDoesNot:
      return subscription.id + " is " + subscription.status;
    case Standing::kGraceOver:
      return subscription.id + " is past_due and its grace days are over";
    case Standing::kSilent:
      return subscription.id + " is " + subscription.status + " but its period ended and Stripe fell silent";
  }
  return "";
}

Standing StandingOf(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy) {
  if (subscription.status == "active" || subscription.status == "trialing") {
    return now >= subscription.period_end + policy.silence ? Standing::kSilent : Standing::kEntitles;
  }
  if (subscription.status == "past_due") {
    if (!subscription.past_due_since) return Standing::kGraceOver;
    return now >= *subscription.past_due_since + policy.grace ? Standing::kGraceOver : Standing::kEntitlesInGrace;
  }
  return Standing::kStatusDoesNot;
}

Entitlement DecideEntitlement(std::span<const SubscriptionFacts> subscriptions, Instant now,
                              const EntitlementPolicy& policy) {
  const SubscriptionFacts* best = nullptr;
  const SubscriptionFacts* lost = nullptr;  // the best of those that do not entitle: the cause of being free
  for (const SubscriptionFacts& one : subscriptions) {
    const bool entitles = one.tier != Tier::kFree && Entitles(StandingOf(one, now, policy));
    const SubscriptionFacts*& slot = entitles ? best : lost;
    if (slot == nullptr || Better(one, *slot)) slot = &one;
  }
  if (best != nullptr) return {best->tier, best->id, Explain(StandingOf(*best, now, policy), *best)};
  if (lost != nullptr) return {Tier::kFree, std::nullopt, Explain(StandingOf(*lost, now, policy), *lost)};
  return {Tier::kFree, std::nullopt, "no subscription"};
}

}  // namespace billsync::billing
