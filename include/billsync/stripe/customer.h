// A customer as one snapshot shows it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

struct Customer {
  std::string id;
  std::optional<std::string> email;  // not unique: never a key by itself
  std::optional<Instant> created;
  std::map<std::string, std::string> metadata;
  bool deleted = false;  // what an API read of a deleted customer says; customer.deleted carries the full object
  bool livemode = false;

  bool operator==(const Customer&) const = default;
};

// Reads data.object; as DecodeSubscription.
tl::expected<Customer, std::string> DecodeCustomer(JsonValue object);

}  // namespace billsync::stripe
