#include "checkout_reference.h"

#include <algorithm>

#include "billsync/stripe/checkout_session.h"

namespace billsync::apply {

void ReadReferences(const Object& session, std::vector<CheckoutReference>& into, Outcomes& outcomes) {
  for (const auto& event : session.events) {
    const auto mine = std::ranges::find_if(session.claimed, [&](const auto* one) { return one->id == event.id; });
    if (mine == session.claimed.end()) continue;
    const auto document = stripe::JsonDocument::Parse(event.payload);
    if (!document) {
      outcomes.Park(event.id, billing::ParkReason::kUnreadableShape, "the payload is not JSON");
      continue;
    }
    const auto snapshot = stripe::DecodeCheckoutSession(document->Root().Find("data").Find("object"));
    if (!snapshot) {
      outcomes.Park(event.id, billing::ParkReason::kUnreadableShape, snapshot.error());
    } else if (!snapshot->customer) {
      outcomes.Ignore(event.id, billing::IgnoreReason::kNoCustomer);
    } else {
      into.push_back({*snapshot->customer, snapshot->client_reference_id});
    }
  }
}

}  // namespace billsync::apply
