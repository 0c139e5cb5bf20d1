#include "billsync/apply/entitlements.h"

#include <map>

#include "apply/entitlements_sql.h"
#include "billsync/base/parse.h"
#include "feature_tiers.h"

namespace billsync::apply {
namespace {

using billing::Tier;

// A subscription of a user, with the event its row was last set by.
struct Facts {
  std::vector<billing::SubscriptionFacts> subscriptions;
  std::map<std::string, std::optional<std::string>> last_event;  // by subscription
};

Tier TierColumn(const db::Row& row, const char* column) {
  const auto tier = billing::ParseTier(row.View(column));
  if (!tier) throw db::Bug(std::string(column) + " holds a tier this program does not know", "");
  return *tier;
}

std::map<std::string, Facts> ReadFacts(db::Transaction& tx, const std::vector<std::string>& user_ids) {
  std::map<std::string, Facts> facts;
  for (const db::Row row : tx.Exec(sql::kReadSubscriptionFacts, db::Params::Of(user_ids))) {
    Facts& user = facts[row.Text("user_id")];
    const std::string id = row.Text("stripe_subscription_id");
    user.subscriptions.push_back({id, TierColumn(row, "plan_tier"), row.Text("status"), row.At("current_period_end"),
                                  row.OptAt("past_due_since")});
    user.last_event.emplace(id, row.OptText("last_event_id"));
  }
  return facts;
}

// What a user is to have.
struct Target {
  Tier tier;
  int64_t quota;
  std::optional<std::string> subscription;  // for users.stripe_subscription_id
  std::string cause;
  std::optional<std::string> feature_event = std::nullopt;  // set when a feature decided and no subscription
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
    target.cause = override_quota ? "quota override in force" : "quota override over";
  } else {
    const auto entitlement = billing::DecideEntitlement(facts.subscriptions, now, policy);
    target.tier = entitlement.tier;
    target.cause = entitlement.cause;
    // Without one that entitles the best of the others: what was there before would depend on what came first.
    if (entitlement.about) target.subscription = entitlement.about;
  }
  if (features != nullptr) AddFeatures(*features, !facts.subscriptions.empty(), target);
  target.quota = override_quota.value_or(plans.Quota(target.tier));
  return target;
}

}  // namespace

int64_t ReviseEntitlements(db::Transaction& tx, const std::vector<std::string>& user_ids, const billing::PlanMap& plans,
                           const billing::EntitlementPolicy& policy, Instant now) {
  if (user_ids.empty()) return 0;
  const auto users = tx.Exec(sql::kLockUsers, db::Params::Of(user_ids, now));
  auto facts = ReadFacts(tx, user_ids);
  const auto features = ReadFeatureTiers(tx, user_ids, plans);
  db::ArrayColumns updates(4);
  db::ArrayColumns changes(9);
  for (const db::Row user : users) {
    const std::string id = user.Text("id");
    const Facts& own = facts[id];
    const auto by_feature = features.find(id);
    const Target target =
        Decide(user, own, by_feature == features.end() ? nullptr : &by_feature->second, plans, policy, now);
    const auto old_tier = user.OptText("plan_tier");
    const auto old_quota = user.OptInt("monthly_runs_quota");
    const bool moved = old_tier != billing::Name(target.tier) || old_quota != target.quota;
    if (!moved && target.subscription == user.OptText("stripe_subscription_id")) continue;
    updates.AddRow(db::Params::Of(id, billing::Name(target.tier), target.quota, target.subscription));
    if (!moved) continue;
    std::optional<std::string> event = target.feature_event;
    if (target.subscription && !event) {
      if (const auto found = own.last_event.find(*target.subscription); found != own.last_event.end()) {
        event = found->second;
      }
    }
    changes.AddRow(db::Params::Of(id, now, old_tier, billing::Name(target.tier), old_quota, target.quota,
                                  target.feature_event ? std::nullopt : target.subscription, event, target.cause));
  }
  if (!updates.empty()) tx.Exec(sql::kUpdateUsers, updates.ToParams());
  if (!changes.empty()) tx.Exec(sql::kInsertPlanChanges, changes.ToParams());
  return static_cast<int64_t>(changes.rows());
}

int64_t SweepEntitlements(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy,
                          Instant now) {
  db::Transaction tx(session, {.statement_timeout = std::chrono::minutes(5)});
  std::vector<std::string> users;
  for (const db::Row row : tx.Exec(
           sql::kUsersToSweep,
           db::Params::Of(now, static_cast<int64_t>(policy.grace.count()), static_cast<int64_t>(policy.silence.count()),
                          plans.Quota(Tier::kFree), plans.Quota(Tier::kPro), plans.Quota(Tier::kEnterprise)))) {
    users.push_back(row.Text("user_id"));
  }
  const int64_t changed = ReviseEntitlements(tx, users, plans, policy, now);
  tx.Commit();
  return changed;
}

}  // namespace billsync::apply
