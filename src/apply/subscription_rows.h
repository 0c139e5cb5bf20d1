// Folded subscriptions → rows of billing_subscriptions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "billsync/billing/plan_map.h"
#include "billsync/db/session.h"
#include "exchange_rates.h"
#include "object_work.h"
#include "outcomes.h"

namespace billsync::apply {

// Sum of the items' prices for one period in minor units: unit amount times quantity (divided first where the price
// says so), metered prices count nothing. None when a tiered price, one shown in another currency, items billed in
// different intervals, an unknown rounding or an oversized sum leave it open, or when there are metered prices only.
// Discounts and taxes are not in it. Pure.
std::optional<int64_t> PeriodAmount(const stripe::Subscription& subscription);

// Upserts what can be, and their items; parks the claimed events of what cannot (unmapped price, no period, missing
// rate). Returns the users whose rows may have changed. Reads the catalog and the schedules: those of this batch must
// be written, and its invoices, of which a hold depends.
std::vector<std::string> WriteSubscriptions(db::Transaction& tx, const std::vector<SubscriptionWork>& work,
                                            const billing::PlanMap& plans, Outcomes& outcomes);

}  // namespace billsync::apply
