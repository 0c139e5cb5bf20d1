// The objects of one batch: what is stored of each, and what its fold made of it.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "billsync/stripe/event_use.h"
#include "billsync/stripe/merge.h"
#include "outcomes.h"

namespace billsync::apply {

// The kind comes from the event's type, the id from its payload. Where the two disagree, each kind reads its own events
// and says that they cannot be read.
struct ObjectKey {
  stripe::EventUse use = stripe::EventUse::kIgnored;
  std::string id;

  auto operator<=>(const ObjectKey&) const = default;
};

// Whether rows of other objects are derived from this kind's: see the locks in batch.cpp.
bool OthersDependOn(stripe::EventUse use);

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
using ChargeWork = Work<stripe::Folded<stripe::Charge>>;
using PaymentIntentWork = Work<stripe::Folded<stripe::PaymentIntent>>;
using InvoicePaymentWork = Work<stripe::Folded<stripe::InvoicePayment>>;
using RefundWork = Work<stripe::Folded<stripe::Refund>>;
using CreditNoteWork = Work<stripe::Folded<stripe::CreditNote>>;
using DiscountWork = Work<stripe::Folded<stripe::Discount>>;
using PriceWork = Work<stripe::Folded<stripe::CatalogPrice>>;
using ProductWork = Work<stripe::Folded<stripe::Product>>;
using ScheduleWork = Work<stripe::Folded<stripe::SubscriptionSchedule>>;
using FeatureWork = Work<stripe::Folded<stripe::ActiveEntitlements>>;

// What is wrong with an object is wrong with all events claimed for it.
template <typename Fold>
void ParkAll(const Work<Fold>& work, billing::ParkReason reason, const std::string& detail, Outcomes& outcomes) {
  for (const auto* event : work.claimed) outcomes.Park(event->id, reason, detail);
}

}  // namespace billsync::apply
