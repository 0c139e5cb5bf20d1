// users.plan_tier and monthly_runs_quota follow the subscriptions and the time.
#pragma once

#include <string>
#include <vector>

#include "billsync/billing/entitlement.h"
#include "billsync/billing/plan_map.h"
#include "billsync/db/session.h"

namespace billsync::apply {

// Decides tier, quota and stripe_subscription_id of these users anew from all their subscriptions and their quota
// override, and writes what differs with a row in billing_plan_changes. Where the plan map names features, a user has
// the highest tier that a subscription or a feature gives. A user of whom neither is known keeps the tier. Deleted
// users are treated like others: whoever comes back finds the plan.
//
// stripe_subscription_id becomes the subscription that entitles, else the best of those that do not; it is kept where
// there is none. The quota begins anew on the day the entitling subscription is billed on (billing_quota_anchors), from
// the reset date on that stands now, unless a person has set that day; monthly_runs_used and quota_reset_date are never
// touched. Locks the users' rows in id order. Returns how many users changed.
int64_t ReviseEntitlements(db::Transaction& tx, const std::vector<std::string>& user_ids, const billing::PlanMap& plans,
                           const billing::EntitlementPolicy& policy, Instant now);

// The entitlement-sweep job: revises the users whose entitlement time alone may have changed (grace over, Stripe fallen
// silent, a held tier over, an override expired) and those whose override was given, changed or deleted. What a new
// plan map or policy changes comes by AdoptPlanMap (adoption.h). In several transactions; a user who cannot be revised,
// or whose row somebody else holds, holds nobody else up: the others are revised first, then the first failure is
// thrown. Throws PlanMapSuperseded when another map than `plan_fingerprint` is in force (empty: any will do). Returns
// how many changed.
int64_t SweepEntitlements(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy,
                          Instant now, const std::string& plan_fingerprint = {});

}  // namespace billsync::apply
