#include "folded_objects.h"

#include <algorithm>

namespace billsync::apply {
namespace {

using stripe::EventUse;

void ParkUnreadable(const Object& object, const std::vector<stripe::UnreadableEvent>& unreadable, Outcomes& outcomes) {
  for (const auto& one : unreadable) {
    const bool ours = std::ranges::any_of(object.claimed, [&](const auto* event) { return event->id == one.id; });
    if (ours) outcomes.Park(one.id, billing::ParkReason::kUnreadableShape, one.what);
  }
}

// Whether only the id of a claimed event decided what the row is, and another choice would have made another row. At
// the event's first attempt only, so that a review or another look at what is parked does not count again.
template <typename Fold>
bool IsTie(const Fold& fold, const Object& object) {
  if (!fold.needs_refetch || fold.order.size() < 2) return false;
  const auto& winner = fold.order.back();
  const auto& below = fold.order[fold.order.size() - 2];
  return winner.above_previous == stripe::OrderRule::kEventId &&
         std::ranges::any_of(object.claimed, [&](const auto* event) {
           return event->attempts == 0 && (event->id == winner.event_id || event->id == below.event_id);
         });
}

// The one way from a fold's result into a list.
template <typename Fold>
void Take(stripe::FoldResult<Fold> fold, const Object& object, std::vector<Work<Fold>>& into, FoldedObjects& all,
          Outcomes& outcomes) {
  ParkUnreadable(object, fold ? fold->unreadable : fold.error(), outcomes);
  if (!fold) return;
  if (IsTie(*fold, object)) ++all.ties;
  into.push_back({std::move(*fold), object.claimed, ""});
}

}  // namespace

bool OthersDependOn(EventUse use) {
  switch (use) {
    case EventUse::kPrice:               // a subscription's tier
    case EventUse::kProduct:             // the same
    case EventUse::kSchedule:            // what a subscription will become
    case EventUse::kCharge:              // what was refunded of an invoice
    case EventUse::kPaymentIntent:       // the same
    case EventUse::kInvoicePayment:      // the same
    case EventUse::kRefund:              // the same
    case EventUse::kCreditNote:          // what was credited of an invoice
    case EventUse::kActiveEntitlements:  // a user's tier
      return true;
    case EventUse::kSubscription:  // the user's tier, under the user's lock
    case EventUse::kInvoice:
    case EventUse::kCustomer:  // links, under the customer's lock
    case EventUse::kCheckoutSession:
    case EventUse::kDiscount:
    case EventUse::kIgnored:
      return false;
  }
  return true;
}

void FoldObject(const ObjectKey& key, const Object& object, FoldedObjects& into, Outcomes& outcomes) {
  switch (key.use) {
    case EventUse::kSubscription:
      return Take(stripe::FoldSubscription(object.events), object, into.subscriptions, into, outcomes);
    case EventUse::kInvoice:
      return Take(stripe::FoldInvoice(object.events), object, into.invoices, into, outcomes);
    case EventUse::kCustomer:
      return Take(stripe::FoldCustomer(object.events), object, into.customers, into, outcomes);
    case EventUse::kCheckoutSession:
      return ReadReferences(object, into.references, outcomes);
    case EventUse::kCharge:
      return Take(stripe::FoldCharge(object.events), object, into.charges, into, outcomes);
    case EventUse::kPaymentIntent:
      return Take(stripe::FoldPaymentIntent(object.events), object, into.payment_intents, into, outcomes);
    case EventUse::kInvoicePayment:
      return Take(stripe::FoldInvoicePayment(object.events), object, into.invoice_payments, into, outcomes);
    case EventUse::kRefund:
      return Take(stripe::FoldRefund(object.events), object, into.refunds, into, outcomes);
    case EventUse::kCreditNote:
      return Take(stripe::FoldCreditNote(object.events), object, into.credit_notes, into, outcomes);
    case EventUse::kDiscount:
      return Take(stripe::FoldDiscount(object.events), object, into.discounts, into, outcomes);
    case EventUse::kActiveEntitlements:
      return Take(stripe::FoldActiveEntitlements(object.events), object, into.features, into, outcomes);
    case EventUse::kPrice:
      return Take(stripe::FoldPrice(object.events), object, into.prices, into, outcomes);
    case EventUse::kProduct:
      return Take(stripe::FoldProduct(object.events), object, into.products, into, outcomes);
    case EventUse::kSchedule:
      return Take(stripe::FoldSchedule(object.events), object, into.schedules, into, outcomes);
    case EventUse::kIgnored:
      return;
  }
}

}  // namespace billsync::apply
