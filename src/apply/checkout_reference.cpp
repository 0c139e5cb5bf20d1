#include "checkout_reference.h"

#include <algorithm>

#include "billsync/stripe/checkout_session.h"

namespace billsync::apply {

void ReadReferences(const Object& session, std::vector<CheckoutReference>& into, Outcomes& outcomes) {
  for (const auto& event : session.events) {
    const bool ours = std::ranges::any_of(session.claimed, [&](const auto* one) { return one->id == event.id; });
    const auto document = stripe::JsonDocument::Parse(event.payload);
    if (!document) {
      if (ours) outcomes.Park(event.id, billing::ParkReason::kUnreadableShape, "the payload is not JSON");
      continue;
    }
    // An API read is the object without an envelope.
    const auto object =
        event.type == stripe::kApiReadType ? document->Root() : document->Root().Find("data").Find("object");
    const auto snapshot = stripe::DecodeCheckoutSession(object);
    if (!snapshot) {
      if (ours) outcomes.Park(event.id, billing::ParkReason::kUnreadableShape, snapshot.error());
    } else if (!snapshot->customer) {
      if (ours) outcomes.Ignore(event.id, billing::IgnoreReason::kNoCustomer);
    } else {
      into.push_back({*snapshot->customer, snapshot->client_reference_id, event.id, event.created});
    }
  }
}

}  // namespace billsync::apply
