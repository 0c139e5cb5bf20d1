#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

// An API read of a deleted customer says nothing but that; what it was stays known. Of every other snapshot, what is
// not there was taken away.
bool IsWhole(const Customer& customer) {
  return customer.created || customer.email || !customer.metadata.empty();
}

bool IsBare(const Folded<Customer>& folded) {
  return folded.deleted && !IsWhole(folded.order.back().snapshot);
}

const Rules<Customer>& CustomerRules() {
  static const Rules<Customer> rules{
      .use = EventUse::kCustomer,
      .decode = DecodeCustomer,
      .id = [](const Customer& c) { return c.id; },
      .terminal = [](const Customer& c) { return c.deleted; },
      .ended = [](const Customer& c) { return c.deleted; },
      .columns = {Newest("created", &Customer::created), OnlyWhen(IsBare, Highest("email", &Customer::email, IsWhole)),
                  OnlyWhen(IsBare, Highest("metadata", &Customer::metadata, IsWhole))},
      // Whom it belongs to is told by what named a user first.
      .first_marks = [](const Customer& c, Instant) { return UserNamedIn(c.metadata); },
  };
  return rules;
}

}  // namespace

FoldResult<FoldedCustomer> FoldCustomer(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedCustomer>(events, CustomerRules());
  if (result) result->current.deleted = result->deleted;
  return result;
}

std::vector<std::string> EssentialOfCustomer(std::span<const StoredEvent> events) {
  return EssentialBy(events, CustomerRules());
}

}  // namespace billsync::stripe
