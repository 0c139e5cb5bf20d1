#include "fold.h"

namespace billsync::stripe {
namespace {

const Rules<Customer>& CustomerRules() {
  static const Rules<Customer> rules{
      .use = EventUse::kCustomer,
      .decode = DecodeCustomer,
      .id = [](const Customer& c) { return c.id; },
      .terminal = [](const Customer& c) { return c.deleted; },
      .ended = [](const Customer& c) { return c.deleted; },
      .columns = {Newest("created", &Customer::created), Newest("email", &Customer::email),
                  // An API read of a deleted customer says nothing but that.
                  OnlyWhen([](const Folded<Customer>& f) { return f.deleted; },
                           Newest("metadata", &Customer::metadata))},
  };
  return rules;
}

}  // namespace

FoldResult<FoldedCustomer> FoldCustomer(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedCustomer>(events, CustomerRules());
  if (result) result->current.deleted = result->deleted;
  return result;
}

}  // namespace billsync::stripe
