// A discount as customer.discount.* shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

struct Discount {
  std::string id;
  std::optional<std::string> customer;
  std::optional<std::string> subscription;
  std::optional<std::string> coupon;  // its id: `coupon` until 2025-08-27.basil, `source.coupon` after
  std::optional<std::string> promotion_code;
  std::optional<std::string> percent_off;  // a decimal text; only where the coupon is shown whole
  std::optional<std::int64_t> amount_off;  // minor units of `currency`
  std::optional<std::string> currency;
  std::optional<Instant> start;
  std::optional<Instant> end;

  bool operator==(const Discount&) const = default;
};

// Reads data.object; as DecodeSubscription.
tl::expected<Discount, std::string> DecodeDiscount(JsonValue object);

}  // namespace billsync::stripe
