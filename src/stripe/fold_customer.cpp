#include "fold.h"

namespace billsync::stripe {
namespace {

Rules<Customer> CustomerRules() {
  return {
      .use = EventUse::kCustomer,
      .decode = DecodeCustomer,
      .id = [](const Customer& c) { return c.id; },
      .terminal = [](const Customer& c) { return c.deleted; },
      .status_rank = [](const Customer&) { return 0; },
      .progress = [](const Customer&) { return std::array<std::int64_t, 2>{}; },
  };
}

}  // namespace

FoldResult<FoldedCustomer> FoldCustomer(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedCustomer>(events, CustomerRules());
  if (!result) return result;
  FoldedCustomer& folded = *result;
  folded.deleted |= folded.current.deleted;
  folded.current.deleted = folded.deleted;
  Inherit(folded, "created", &Customer::created);
  Inherit(folded, "email", &Customer::email);
  // An API read of a deleted customer says nothing but that.
  if (folded.deleted) Inherit(folded, "metadata", &Customer::metadata);
  return result;
}

}  // namespace billsync::stripe
