// A Checkout Session as one snapshot shows it: what links a customer to a user.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "billsync/stripe/json.h"

namespace billsync::stripe {

struct CheckoutSession {
  std::string id;
  std::optional<std::string> customer;  // none until completed, unless it was given
  std::optional<std::string> subscription;
  std::optional<std::string> client_reference_id;  // ours if we made the session; a Payment Link lets the buyer set it
  std::optional<std::string> mode;                 // payment, setup, subscription
  std::optional<std::string> status;               // open, complete, expired
  std::optional<std::string> payment_status;       // paid, unpaid, no_payment_required: completed does not mean paid
  std::map<std::string, std::string> metadata;
  bool livemode = false;

  bool operator==(const CheckoutSession&) const = default;
};

// Reads data.object; as DecodeSubscription.
tl::expected<CheckoutSession, std::string> DecodeCheckoutSession(JsonValue object);

}  // namespace billsync::stripe
