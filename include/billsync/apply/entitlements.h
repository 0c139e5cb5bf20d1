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
// the highest tier that a subscription or a feature gives. A user of whom neither is known keeps the tier.
// Locks the users' rows in id order. Returns how many users changed. monthly_runs_used is never touched.
int64_t ReviseEntitlements(db::Transaction& tx, const std::vector<std::string>& user_ids, const billing::PlanMap& plans,
                           const billing::EntitlementPolicy& policy, Instant now);

// The entitlement-sweep job: revises the users whose entitlement time alone may have changed (grace over, Stripe fallen
// silent, an override begun or expired). Returns how many changed.
int64_t SweepEntitlements(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy,
                          Instant now);

}  // namespace billsync::apply
