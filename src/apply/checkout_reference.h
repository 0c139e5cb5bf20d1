// What Checkout Sessions say of whose customer is whose.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "object_work.h"

namespace billsync::apply {

// One snapshot of a session that has a customer.
struct CheckoutReference {
  std::string customer;
  std::optional<std::string> client_reference_id;
  std::string event_id;
  Instant created;
};

// Reads all snapshots of one session. A session has no row of its own: it only links its customer to the user it was
// made for, paid or not, open, complete or expired. Of the claimed ones, parks what is unreadable and ignores what has
// no customer (guest checkout).
void ReadReferences(const Object& session, std::vector<CheckoutReference>& into, Outcomes& outcomes);

}  // namespace billsync::apply
