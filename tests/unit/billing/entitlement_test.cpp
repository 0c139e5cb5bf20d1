#include "billsync/billing/entitlement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace billsync::billing {
namespace {

using std::chrono::days;
using std::chrono::microseconds;

const Instant kNow = *ParseInstant("2026-11-20T12:00:00Z");
constexpr microseconds kTick{1};
const EntitlementPolicy kPolicy{.grace = days(7), .silence = days(5)};

SubscriptionFacts Sub(const std::string& status, Instant period_end = kNow + days(10),
                      std::optional<Instant> past_due_since = std::nullopt) {
  return {"sub_1", Tier::kPro, status, period_end, past_due_since};
}

// Its period goes on for ten days more; a flexible cancellation may come in the middle of it.
SubscriptionFacts CancelAt(Instant cancel_at) {
  auto subscription = Sub("active");
  subscription.cancel_at = cancel_at;
  return subscription;
}

TEST(Entitlement, HasOneStandingForEveryStatusAndBoundary) {
  const struct {
    const char* what;
    SubscriptionFacts subscription;
    Standing standing;
    const char* explained;
  } cases[] = {
      {"active", Sub("active"), Standing::kEntitles, "sub_1 is active"},
      {"trialing", Sub("trialing"), Standing::kEntitles, "sub_1 is trialing"},
      {"active, period just over", Sub("active", kNow), Standing::kEntitles, "sub_1 is active"},
      {"active, last moment of silence", Sub("active", kNow - days(5) + kTick), Standing::kEntitles, "sub_1 is active"},
      {"active, silent", Sub("active", kNow - days(5)), Standing::kSilent,
       "sub_1 is active but its period ended and Stripe fell silent"},
      {"trialing, silent", Sub("trialing", kNow - days(50)), Standing::kSilent,
       "sub_1 is trialing but its period ended and Stripe fell silent"},
      {"past_due, just now", Sub("past_due", kNow, kNow), Standing::kEntitlesInGrace,
       "sub_1 is past_due, within its grace days"},
      {"past_due, last moment of grace", Sub("past_due", kNow, kNow - days(7) + kTick), Standing::kEntitlesInGrace,
       "sub_1 is past_due, within its grace days"},
      {"past_due, grace over", Sub("past_due", kNow, kNow - days(7)), Standing::kGraceOver,
       "sub_1 is past_due and its grace days are over"},
      // Grace counts from becoming past_due, however long the period goes on or is over.
      {"past_due, period long over", Sub("past_due", kNow - days(30), kNow - days(1)), Standing::kEntitlesInGrace,
       "sub_1 is past_due, within its grace days"},
      {"past_due, nobody knows since when", Sub("past_due"), Standing::kGraceOver,
       "sub_1 is past_due and its grace days are over"},
      {"to be canceled", CancelAt(kNow + days(3)), Standing::kEntitles, "sub_1 is active"},
      {"cancellation just due", CancelAt(kNow), Standing::kEntitles, "sub_1 is active"},
      {"cancellation due, last moment", CancelAt(kNow - days(5) + kTick), Standing::kEntitles, "sub_1 is active"},
      {"cancellation never reported", CancelAt(kNow - days(5)), Standing::kEndNotReported,
       "sub_1 is active but it was to be canceled and Stripe fell silent"},
      {"canceled", Sub("canceled"), Standing::kStatusDoesNot, "sub_1 is canceled"},
      {"unpaid", Sub("unpaid"), Standing::kStatusDoesNot, "sub_1 is unpaid"},
      {"paused", Sub("paused"), Standing::kStatusDoesNot, "sub_1 is paused"},
      {"incomplete", Sub("incomplete"), Standing::kStatusDoesNot, "sub_1 is incomplete"},
      {"incomplete_expired", Sub("incomplete_expired"), Standing::kStatusDoesNot, "sub_1 is incomplete_expired"},
      {"a status of the future", Sub("hibernating"), Standing::kStatusDoesNot, "sub_1 is hibernating"},
      {"no status", Sub(""), Standing::kStatusDoesNot, "sub_1 is "},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(StandingOf(c.subscription, kNow, kPolicy), c.standing) << c.what;
    EXPECT_EQ(Explain(c.standing, c.subscription), c.explained) << c.what;
    const bool entitles = c.standing == Standing::kEntitles || c.standing == Standing::kEntitlesInGrace;
    const auto decided = DecideEntitlement(std::vector{c.subscription}, kNow, kPolicy);
    EXPECT_EQ(decided.tier, entitles ? Tier::kPro : Tier::kFree) << c.what;
    EXPECT_EQ(decided.subscription, entitles ? std::optional<std::string>("sub_1") : std::nullopt) << c.what;
    EXPECT_EQ(decided.cause, c.explained) << c.what;
  }
}

TEST(Entitlement, LeavesItToThePolicyWhetherAPausedCollectionEntitles) {
  for (const char* status : {"active", "trialing", "past_due", "paused"}) {
    auto subscription = Sub(status, kNow + days(3), kNow - days(1));
    subscription.collection_paused = true;
    auto policy = kPolicy;
    const bool by_default = std::string(status) != "paused";
    EXPECT_EQ(DecideEntitlement(std::vector{subscription}, kNow, policy).tier, by_default ? Tier::kPro : Tier::kFree)
        << status;
    policy.pause_collection_entitles = false;
    // past_due has its grace, collected or not.
    const bool still = std::string(status) == "past_due";
    const auto decided = DecideEntitlement(std::vector{subscription}, kNow, policy);
    EXPECT_EQ(decided.tier, still ? Tier::kPro : Tier::kFree) << status;
    if (std::string(status) == "active") {
      EXPECT_EQ(decided.cause, "sub_1 is active but its collection is paused");
    }
  }
}

TEST(Entitlement, HoldsWhatWasPaidForWhileTheSubscriptionEntitles) {
  auto subscription = Sub("active");
  subscription.held = HeldTier{Tier::kEnterprise, kNow + days(2)};
  const auto decide = [&](Instant now, const EntitlementPolicy& policy = kPolicy) {
    return DecideEntitlement(std::vector{subscription}, now, policy);
  };
  EXPECT_EQ(decide(kNow).tier, Tier::kEnterprise);
  EXPECT_EQ(decide(kNow).cause, "sub_1 is active; it is paid for enterprise until 2026-11-22T12:00:00.000000Z");
  EXPECT_EQ(decide(kNow + days(2) - kTick).tier, Tier::kEnterprise);
  EXPECT_EQ(decide(kNow + days(2)).tier, Tier::kPro);
  EXPECT_EQ(decide(kNow + days(2)).cause,
            "sub_1 is active; it was paid for enterprise until 2026-11-22T12:00:00.000000Z");
  auto at_once = kPolicy;
  at_once.hold_downgrades = false;
  EXPECT_EQ(decide(kNow, at_once).tier, Tier::kPro);
  EXPECT_EQ(decide(kNow, at_once).cause, "sub_1 is active");

  subscription.tier = Tier::kFree;  // add-ons are left
  EXPECT_EQ(decide(kNow).subscription, "sub_1");
  EXPECT_EQ(decide(kNow).tier, Tier::kEnterprise);
  subscription.status = "past_due";
  subscription.past_due_since = kNow;
  EXPECT_EQ(decide(kNow).tier, Tier::kEnterprise) << "grace entitles";
  for (const char* status : {"unpaid", "canceled", "paused", "incomplete"}) {
    subscription.status = status;
    EXPECT_EQ(decide(kNow).tier, Tier::kFree) << status;
  }
}

TEST(Entitlement, LetsAHeldTierWinOverTheOthers) {
  std::vector<SubscriptionFacts> subscriptions = {Sub("active"), Sub("active", kNow + days(20))};
  subscriptions[0].held = HeldTier{Tier::kEnterprise, kNow + days(2)};
  subscriptions[1].id = "sub_2";
  EXPECT_EQ(DecideEntitlement(subscriptions, kNow, kPolicy).subscription, "sub_1");
  EXPECT_EQ(DecideEntitlement(subscriptions, kNow + days(2), kPolicy).subscription, "sub_2");
}

TEST(Entitlement, SaysWhichSubscriptionItIsAboutAlsoWhenNoneEntitles) {
  const std::vector<SubscriptionFacts> subscriptions = {
      {"sub_old", Tier::kPro, "canceled", kNow - days(40), std::nullopt},
      {"sub_new", Tier::kPro, "unpaid", kNow + days(3), std::nullopt}};
  const auto decided = DecideEntitlement(subscriptions, kNow, kPolicy);
  EXPECT_FALSE(decided.subscription);
  EXPECT_EQ(decided.about, "sub_new");
  EXPECT_FALSE(DecideEntitlement({}, kNow, kPolicy).about);
}

TEST(Entitlement, IsFreeWithoutASubscription) {
  const auto decided = DecideEntitlement({}, kNow, kPolicy);
  EXPECT_EQ(decided.tier, Tier::kFree);
  EXPECT_FALSE(decided.subscription);
  EXPECT_EQ(decided.cause, "no subscription");
}

TEST(Entitlement, TakesTheHighestTierThatEntitlesNotTheHighestOfAll) {
  const std::vector<SubscriptionFacts> subscriptions = {
      {"sub_gone", Tier::kEnterprise, "canceled", kNow + days(20), std::nullopt},
      {"sub_pro", Tier::kPro, "active", kNow + days(3), std::nullopt}};
  const auto decided = DecideEntitlement(subscriptions, kNow, kPolicy);
  EXPECT_EQ(decided.tier, Tier::kPro);
  EXPECT_EQ(decided.subscription, "sub_pro");
}

// A subscription of add-ons only is active and buys no tier.
TEST(Entitlement, NamesNoSubscriptionForTheFreeTier) {
  const std::vector<SubscriptionFacts> subscriptions = {{"sub_seat", Tier::kFree, "active", kNow + days(3), {}}};
  const auto decided = DecideEntitlement(subscriptions, kNow, kPolicy);
  EXPECT_EQ(decided.tier, Tier::kFree);
  EXPECT_FALSE(decided.subscription);
}

TEST(Entitlement, DoesNotDependOnTheOrderOfTheRows) {
  std::vector<SubscriptionFacts> subscriptions = {
      {"sub_b", Tier::kEnterprise, "active", kNow + days(9), std::nullopt},
      {"sub_a", Tier::kEnterprise, "active", kNow + days(9), std::nullopt},
      {"sub_0", Tier::kEnterprise, "active", kNow + days(8), std::nullopt},
      {"sub_1", Tier::kPro, "trialing", kNow + days(90), std::nullopt},
      {"sub_2", Tier::kEnterprise, "canceled", kNow + days(99), std::nullopt}};
  std::ranges::sort(subscriptions, {}, &SubscriptionFacts::id);
  do {  // the later period end decides, then the smaller id
    EXPECT_EQ(DecideEntitlement(subscriptions, kNow, kPolicy).subscription, "sub_a");
  } while (std::ranges::next_permutation(subscriptions, {}, &SubscriptionFacts::id).found);
}

TEST(Entitlement, GivesTheSameCauseForALossInEveryOrder) {
  std::vector<SubscriptionFacts> subscriptions = {{"sub_a", Tier::kPro, "canceled", kNow - days(9), std::nullopt},
                                                  {"sub_b", Tier::kPro, "past_due", kNow - days(2), kNow - days(8)},
                                                  {"sub_c", Tier::kFree, "active", kNow + days(8), std::nullopt}};
  do {
    const auto decided = DecideEntitlement(subscriptions, kNow, kPolicy);
    EXPECT_EQ(decided.tier, Tier::kFree);
    EXPECT_EQ(decided.cause, "sub_b is past_due and its grace days are over");
  } while (std::ranges::next_permutation(subscriptions, {}, &SubscriptionFacts::id).found);
}

}  // namespace
}  // namespace billsync::billing
