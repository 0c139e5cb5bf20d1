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
    case EventUse::kPrice:
    case EventUse::kProduct:
    case EventUse::kSchedule:
    case EventUse::kCharge:
    case EventUse::kPaymentIntent:
    case EventUse::kInvoicePayment:
    case EventUse::kRefund:
    case EventUse::kCreditNote:
    case EventUse::kDiscount:
    case EventUse::kActiveEntitlements:
    case EventUse::kIgnored:
      return;
  }
}

}  // namespace billsync::apply
