// The items of subscriptions → billing_subscription_items.
#pragma once

#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"
#include "subscription_plan.h"

namespace billsync::apply {

// Collects the items of subscriptions whose rows are written, and writes them after those.
class ItemRows {
 public:
  void Add(const SubscriptionWork& work, const SubscriptionPlan& plan);
  // Items that are gone lose their rows. Where Stripe lists items in part, the fold has kept the others.
  void Write(db::Transaction& tx) const;

 private:
  std::vector<std::string> subscriptions_;
  db::ArrayColumns kept_{2};
  db::ArrayColumns rows_{17};
};

}  // namespace billsync::apply
