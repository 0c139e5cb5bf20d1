#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

bool IsDeleted(const Folded<Customer>& folded) {
  return folded.deleted;
}

const Rules<Customer>& CustomerRules() {
  static const Rules<Customer> rules{
      .use = EventUse::kCustomer,
      .decode = DecodeCustomer,
      .id = [](const Customer& c) { return c.id; },
      .terminal = [](const Customer& c) { return c.deleted; },
      .ended = [](const Customer& c) { return c.deleted; },
      // An API read of a deleted customer says nothing but that. Of a live one, what is not there was taken away.
      .columns = {Newest("created", &Customer::created), OnlyWhen(IsDeleted, Newest("email", &Customer::email)),
                  OnlyWhen(IsDeleted, Newest("metadata", &Customer::metadata))},
  };
  return rules;
}

}  // namespace

FoldResult<FoldedCustomer> FoldCustomer(std::span<const StoredEvent> events) {
  auto result = FoldBy<FoldedCustomer>(events, CustomerRules());
  if (result) result->current.deleted = result->deleted;
  return result;
}

std::vector<std::string> EssentialOfCustomer(std::span<const StoredEvent> events, Instant now) {
  return EssentialBy(events, CustomerRules(), now);
}

}  // namespace billsync::stripe
