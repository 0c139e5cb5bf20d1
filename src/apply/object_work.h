// The objects of one batch: what is stored of each, and what its fold made of it.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "billsync/stripe/event_use.h"
#include "billsync/stripe/merge.h"
#include "outcomes.h"

namespace billsync::apply {

// An id alone would not do: what a customer may use is kept under the customer's id, and is no customer.
struct ObjectKey {
  stripe::EventUse use = stripe::EventUse::kIgnored;
  std::string id;

  auto operator<=>(const ObjectKey&) const = default;
};

// The events claimed for one object, and all that is stored under its id.
struct Object {
  std::vector<const ClaimedEvent*> claimed;
  std::vector<stripe::StoredEvent> events;
};

// One folded object with the events claimed for it in this batch. `user_id` is empty until its customer is linked, and
// stays so for kinds that need no user.
template <typename Fold>
struct Work {
  Fold fold;
  std::vector<const ClaimedEvent*> claimed;
  std::string user_id;
};

using SubscriptionWork = Work<stripe::FoldedSubscription>;
using InvoiceWork = Work<stripe::FoldedInvoice>;
using CustomerWork = Work<stripe::FoldedCustomer>;

}  // namespace billsync::apply
