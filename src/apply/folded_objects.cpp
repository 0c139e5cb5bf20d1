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

// The one way from a fold's result into a list.
template <typename Fold>
void Take(stripe::FoldResult<Fold> fold, const Object& object, std::vector<Work<Fold>>& into, Outcomes& outcomes) {
  ParkUnreadable(object, fold ? fold->unreadable : fold.error(), outcomes);
  if (fold) into.push_back({std::move(*fold), object.claimed, ""});
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
      return Take(stripe::FoldSubscription(object.events), object, into.subscriptions, outcomes);
    case EventUse::kInvoice:
      return Take(stripe::FoldInvoice(object.events), object, into.invoices, outcomes);
    case EventUse::kCustomer:
      return Take(stripe::FoldCustomer(object.events), object, into.customers, outcomes);
    case EventUse::kCheckoutSession:
      return ReadReferences(object, into.references, outcomes);
    case EventUse::kCharge:
      return Take(stripe::FoldCharge(object.events), object, into.charges, outcomes);
    case EventUse::kPaymentIntent:
      return Take(stripe::FoldPaymentIntent(object.events), object, into.payment_intents, outcomes);
    case EventUse::kInvoicePayment:
      return Take(stripe::FoldInvoicePayment(object.events), object, into.invoice_payments, outcomes);
    case EventUse::kRefund:
      return Take(stripe::FoldRefund(object.events), object, into.refunds, outcomes);
    case EventUse::kCreditNote:
      return Take(stripe::FoldCreditNote(object.events), object, into.credit_notes, outcomes);
    case EventUse::kDiscount:
      return Take(stripe::FoldDiscount(object.events), object, into.discounts, outcomes);
    case EventUse::kActiveEntitlements:
      return Take(stripe::FoldActiveEntitlements(object.events), object, into.features, outcomes);
    case EventUse::kPrice:
      return Take(stripe::FoldPrice(object.events), object, into.prices, outcomes);
    case EventUse::kProduct:
      return Take(stripe::FoldProduct(object.events), object, into.products, outcomes);
    case EventUse::kSchedule:
      return Take(stripe::FoldSchedule(object.events), object, into.schedules, outcomes);
    case EventUse::kIgnored:
      return;
  }
}

}  // namespace billsync::apply
