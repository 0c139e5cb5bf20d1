#include "billsync/apply/entitlements.h"

#include <map>
#include <tuple>

#include "apply/entitlements_sql.h"
#include "billsync/billing/quota_anchor.h"
#include "feature_tiers.h"

namespace billsync::apply {
namespace {

using billing::Tier;

// The subscriptions of a user; by id, the event each row was last set by and the day of the month it is billed on.
struct Facts {
  std::vector<billing::SubscriptionFacts> subscriptions;
  std::map<std::string, std::optional<std::string>> last_event;
  std::map<std::string, std::optional<int>> billing_day;
};

Tier TierColumn(const db::Row& row, const char* column) {
  const auto tier = billing::ParseTier(row.View(column));
  if (!tier) throw db::Bug(std::string(column) + " holds a tier this program does not know", "");
  return *tier;
}

billing::SubscriptionFacts FactsOf(const db::Row& row) {
  billing::SubscriptionFacts facts{row.Text("stripe_subscription_id"), TierColumn(row, "plan_tier"), row.Text("status"),
                                   row.At("current_period_end"), row.OptAt("past_due_since")};
  facts.cancel_at = row.OptAt("cancel_at");
  facts.collection_paused = !row.IsNull("pause_collection");
  if (const auto until = row.OptAt("held_until")) facts.held = {TierColumn(row, "held_plan_tier"), *until};
  return facts;
}

std::map<std::string, Facts> ReadFacts(db::Transaction& tx, const std::vector<std::string>& user_ids) {
  std::map<std::string, Facts> facts;
  for (const db::Row row : tx.Exec(sql::kReadSubscriptionFacts, db::Params::Of(user_ids))) {
    Facts& user = facts[row.Text("user_id")];
    user.subscriptions.push_back(FactsOf(row));
    const std::string& id = user.subscriptions.back().id;
    user.last_event.emplace(id, row.OptText("last_event_id"));
    const auto configured = row.OptInt("billing_day");
    user.billing_day.emplace(
        id, billing::BillingDay(row.OptAt("billing_cycle_anchor"), row.OptText("billing_interval"),
                                configured ? std::optional(static_cast<int>(*configured)) : std::nullopt));
  }
  return facts;
}

// Of the subscription that entitles; where it has none, or none entitles, of those that ever began the one whose period
// ends last: so it does not matter whether the end or what came before was heard of first.
std::optional<int> BillingDayOf(const Facts& facts, const std::optional<std::string>& entitling) {
  if (entitling && facts.billing_day.at(*entitling)) return facts.billing_day.at(*entitling);
  const billing::SubscriptionFacts* last = nullptr;
  for (const auto& one : facts.subscriptions) {
    const bool began = one.status != "incomplete" && one.status != "incomplete_expired";
    if (!began || !facts.billing_day.at(one.id)) continue;
    if (last == nullptr || std::tie(last->period_end, last->id) < std::tie(one.period_end, one.id)) last = &one;
  }
  return last == nullptr ? std::nullopt : facts.billing_day.at(last->id);
}

constexpr const char* kOverrideInForce = "quota override in force";
constexpr const char* kOverrideOver = "quota override over";

// What a user is to have.
struct Target {
  Tier tier;
  int64_t quota;
  std::optional<std::string> subscription;  // for users.stripe_subscription_id
  std::string cause;
  std::optional<std::string> feature_event = std::nullopt;  // set when a feature decided and no subscription
  std::optional<int> billing_day = std::nullopt;
};

// The higher of what is decided and what features give. Without a subscription a whole list of features decides alone.
void AddFeatures(const FeatureTier& features, bool has_subscriptions, Target& target) {
  const bool decides_alone = !has_subscriptions && !features.truncated;
  if (features.tier <= target.tier && !decides_alone) return;
  target.tier = features.tier;
  target.cause = features.cause;
  target.feature_event = features.event;
}

Target Decide(const db::Row& user, const Facts& facts, const FeatureTier* features, const billing::PlanMap& plans,
              const billing::EntitlementPolicy& policy, Instant now) {
  const auto override_quota = user.OptInt("override_quota");
  Target target{Tier::kFree, 0, user.OptText("stripe_subscription_id"), ""};
  if (facts.subscriptions.empty()) {
    target.tier = user.IsNull("plan_tier") ? Tier::kFree : TierColumn(user, "plan_tier");
    target.cause = override_quota ? kOverrideInForce : kOverrideOver;
  } else {
    const auto entitlement = billing::DecideEntitlement(facts.subscriptions, now, policy);
    target.tier = entitlement.tier;
    target.cause = entitlement.cause;
    // When none entitles, the one to look at all the same: which, does not depend on what was there before.
    target.subscription = entitlement.about;
    target.billing_day = BillingDayOf(facts, entitlement.subscription);
  }
  if (features != nullptr) AddFeatures(*features, !facts.subscriptions.empty(), target);
  target.quota = override_quota.value_or(plans.Quota(target.tier));
  return target;
}

// Why a user's plan moved, and what told of it.
struct Cause {
  std::string words;
  std::optional<std::string> subscription = std::nullopt;
  std::optional<std::string> event = std::nullopt;
};

// An override moves the quota only, and no event has told of it.
Cause CauseOf(const db::Row& user, const Facts& facts, const Target& target, bool same_tier) {
  if (same_tier && !user.IsNull("override_quota")) return {kOverrideInForce};
  if (same_tier && user.Bool("override_changed")) return {kOverrideOver};
  if (target.feature_event) return {target.cause, std::nullopt, target.feature_event};
  Cause cause{target.cause, target.subscription};
  if (target.subscription) {
    const auto found = facts.last_event.find(*target.subscription);
    if (found != facts.last_event.end()) cause.event = found->second;
  }
  return cause;
}

// The rows of one revision, written at its end.
class Changes {
 public:
  explicit Changes(Instant now) : now_(now) {}

  void Add(const db::Row& user, const Facts& facts, const Target& target) {
    const std::string id = user.Text("id");
    // What a person has set stays; what was derived from the platform's dates or from Stripe follows Stripe.
    const auto source = user.OptText("anchor_source");
    const bool ours = !source || source == "derived" || source == "stripe";
    if (target.billing_day && ours && user.OptInt("anchor_day") != *target.billing_day) {
      anchors_.AddRow(db::Params::Of(id, *target.billing_day));
    }
    const auto old_tier = user.OptText("plan_tier");
    const auto old_quota = user.OptInt("monthly_runs_quota");
    const bool moved = old_tier != billing::Name(target.tier) || old_quota != target.quota;
    if (!moved && target.subscription == user.OptText("stripe_subscription_id")) return;
    updates_.AddRow(db::Params::Of(id, billing::Name(target.tier), target.quota, target.subscription));
    if (!moved) return;
    const Cause cause = CauseOf(user, facts, target, old_tier == billing::Name(target.tier));
    ledger_.AddRow(db::Params::Of(id, now_, old_tier, billing::Name(target.tier), old_quota, target.quota,
                                  cause.subscription, cause.event, cause.words));
  }

  int64_t Write(db::Transaction& tx) const {
    if (!updates_.empty()) tx.Exec(sql::kUpdateUsers, updates_.ToParams());
    if (!anchors_.empty()) tx.Exec(sql::kSetQuotaAnchors, anchors_.ToParams());
    if (!ledger_.empty()) tx.Exec(sql::kInsertPlanChanges, ledger_.ToParams());
    return static_cast<int64_t>(ledger_.rows());
  }

 private:
  const Instant now_;
  db::ArrayColumns updates_{4};
  db::ArrayColumns anchors_{2};
  db::ArrayColumns ledger_{9};
};

}  // namespace

int64_t ReviseEntitlements(db::Transaction& tx, const std::vector<std::string>& user_ids, const billing::PlanMap& plans,
                           const billing::EntitlementPolicy& policy, Instant now) {
  if (user_ids.empty()) return 0;
  const auto users = tx.Exec(sql::kLockUsers, db::Params::Of(user_ids, now));
  auto facts = ReadFacts(tx, user_ids);
  const auto features = ReadFeatureTiers(tx, user_ids, plans);
  Changes changes(now);
  for (const db::Row user : users) {
    const Facts& own = facts[user.Text("id")];
    const auto by_feature = features.find(user.Text("id"));
    const FeatureTier* feature = by_feature == features.end() ? nullptr : &by_feature->second;
    changes.Add(user, own, Decide(user, own, feature, plans, policy, now));
  }
  return changes.Write(tx);
}

}  // namespace billsync::apply
