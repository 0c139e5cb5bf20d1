// Prices and products of Stripe's catalog as their own events show them, the same from every API version.
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"
#include "billsync/stripe/subscription.h"

namespace billsync::stripe {

// data.object of price.*. What a subscription item embeds of a price is the plain Price.
struct CatalogPrice {
  Price price;
  std::optional<std::string> nickname;
  bool active = true;
  std::optional<Instant> created;
  bool deleted = false;  // {"id", "deleted": true} is all that an API read of a deleted price says
  bool livemode = false;

  bool operator==(const CatalogPrice&) const = default;
};

// data.object of product.*.
struct Product {
  std::string id;
  std::optional<std::string> name;
  std::optional<std::string> plan_tier;  // metadata.plan_tier
  bool active = true;
  std::optional<Instant> created;
  bool deleted = false;  // as of a price
  bool livemode = false;

  bool operator==(const Product&) const = default;
};

// Reads data.object; as DecodeSubscription.
tl::expected<CatalogPrice, std::string> DecodeCatalogPrice(JsonValue object);
tl::expected<Product, std::string> DecodeProduct(JsonValue object);

}  // namespace billsync::stripe
