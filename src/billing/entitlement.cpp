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
    case Standing::kEndNotReported:
    case Standing::kCollectionPaused:
      return false;
  }
  return false;
}

Standing StandingWhileActive(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy) {
  if (subscription.collection_paused && !policy.pause_collection_entitles) return Standing::kCollectionPaused;
  if (now >= subscription.period_end + policy.silence) return Standing::kSilent;
  if (subscription.cancel_at && now >= *subscription.cancel_at + policy.silence) return Standing::kEndNotReported;
  return Standing::kEntitles;
}

bool IsHeld(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy) {
  return policy.hold_downgrades && subscription.held && subscription.held->tier > subscription.tier &&
         now < subscription.held->until;
}

// What one subscription comes to at `now`.
struct Judged {
  const SubscriptionFacts* facts = nullptr;
  Standing standing = Standing::kStatusDoesNot;
  Tier tier = Tier::kFree;  // the held one while it is held

  bool Entitling() const { return tier != Tier::kFree && Entitles(standing); }
};

Judged Judge(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy) {
  return {&subscription, StandingOf(subscription, now, policy),
          IsHeld(subscription, now, policy) ? subscription.held->tier : subscription.tier};
}

bool Better(const Judged& a, const Judged& b) {
  return std::tie(b.tier, b.facts->period_end, a.facts->id) < std::tie(a.tier, a.facts->period_end, b.facts->id);
}

std::string CauseOf(const Judged& judged, const EntitlementPolicy& policy) {
  const SubscriptionFacts& facts = *judged.facts;
  std::string cause = Explain(judged.standing, facts);
  if (!policy.hold_downgrades || !facts.held || !Entitles(judged.standing)) return cause;
  cause += judged.tier == facts.tier ? "; it was paid for " : "; it is paid for ";
  return cause + std::string(Name(facts.held->tier)) + " until " + FormatInstant(facts.held->until);
}

}  // namespace

std::string Explain(Standing standing, const SubscriptionFacts& subscription) {
  const std::string is = subscription.id + " is " + subscription.status;
  switch (standing) {
    case Standing::kEntitles:
    case Standing::kStatusDoesNot:
      return is;
    case Standing::kEntitlesInGrace:
      return is + ", within its grace days";
    case Standing::kGraceOver:
      return is + " and its grace days are over";
    case Standing::kSilent:
      return is + " but its period ended and Stripe fell silent";
    case Standing::kEndNotReported:
      return is + " but it was to be canceled and Stripe fell silent";
    case Standing::kCollectionPaused:
      return is + " but its collection is paused";
  }
  return "";
}

Standing StandingOf(const SubscriptionFacts& subscription, Instant now, const EntitlementPolicy& policy) {
  if (subscription.status == "active" || subscription.status == "trialing") {
    return StandingWhileActive(subscription, now, policy);
  }
  if (subscription.status == "past_due") {
    if (!subscription.past_due_since) return Standing::kGraceOver;
    return now >= *subscription.past_due_since + policy.grace ? Standing::kGraceOver : Standing::kEntitlesInGrace;
  }
  return Standing::kStatusDoesNot;
}

Entitlement DecideEntitlement(std::span<const SubscriptionFacts> subscriptions, Instant now,
                              const EntitlementPolicy& policy) {
  std::optional<Judged> best;
  for (const SubscriptionFacts& one : subscriptions) {
    const Judged judged = Judge(one, now, policy);
    // What entitles stands above what does not; the best of the latter is the cause of being free.
    const bool better = !best || (judged.Entitling() != best->Entitling() ? judged.Entitling() : Better(judged, *best));
    if (better) best = judged;
  }
  if (!best) return {Tier::kFree, std::nullopt, std::nullopt, "no subscription"};
  const std::string& id = best->facts->id;
  const std::string cause = CauseOf(*best, policy);
  if (best->Entitling()) return {best->tier, id, id, cause};
  return {Tier::kFree, std::nullopt, id, cause};
}

}  // namespace billsync::billing
