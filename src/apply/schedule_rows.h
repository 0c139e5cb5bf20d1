// Folded schedules → billing_subscription_schedules, and what they plan for subscriptions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "billsync/billing/planned_change.h"
#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// Upserts them. Every subscription that a changed one is, or ever was, attached to is to be looked at again
// (reviews.h). The batch must hold the cross-object lock alone; its own subscriptions are written afterwards and see
// the new rows.
void WriteSchedules(db::Transaction& tx, const std::vector<ScheduleWork>& work);

// Schedules that may still change a subscription, by subscription id; those of one subscription by schedule id.
using Schedules = std::map<std::string, std::vector<billing::ScheduleFacts>>;
Schedules ReadSchedules(db::Transaction& tx, const std::vector<std::string>& subscription_ids);

// Of `schedules`, the one that counts for the folded subscription: the one it names, else the newest. One that a later
// event of the subscription shows it has no more (it names none, but did once, or another) does not count: its own
// event is still to come. None for a subscription that is over. Pure.
const billing::ScheduleFacts* ScheduleOf(const stripe::FoldedSubscription& fold,
                                         const std::vector<billing::ScheduleFacts>& schedules);

}  // namespace billsync::apply
