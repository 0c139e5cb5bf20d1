// A subscription as one snapshot shows it, the same from every API version.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

// How a price makes the billed number of a quantity: the quantity divided by `by`, rounded "up" or "down".
struct QuantityDivision {
  std::int64_t by = 0;               // as Stripe says it; less than 1 makes no sense
  std::optional<std::string> round;  // Stripe's text

  bool operator==(const QuantityDivision&) const = default;
};

// A price inside a subscription item. Legacy plans read as prices.
struct Price {
  std::string id;
  std::optional<std::string> product;
  std::optional<std::string> currency;             // lowercase ISO code
  std::optional<std::int64_t> unit_amount;         // minor units; none when tiered or finer than a minor unit
  std::optional<std::string> unit_amount_decimal;  // minor units as a decimal text, up to 12 places
  std::optional<std::string> interval;             // day, week, month, year
  std::int64_t interval_count = 1;                 // billed every so many intervals
  std::optional<std::string> lookup_key;
  bool metered = false;
  bool tiered = false;
  std::optional<QuantityDivision> transform_quantity;
  std::optional<std::string> plan_tier;  // metadata.plan_tier of the price, else of an expanded product

  bool operator==(const Price&) const = default;
};

struct SubscriptionItem {
  std::string id;                        // empty when read from the legacy top-level plan
  std::optional<std::int64_t> quantity;  // none for metered prices
  Price price;
  std::optional<Instant> period_start;  // the item's own period, else the subscription's
  std::optional<Instant> period_end;

  bool operator==(const SubscriptionItem&) const = default;
};

struct Subscription {
  std::string id;
  std::optional<std::string> customer;
  std::string status;  // Stripe's text, unknown values included
  std::optional<std::string> currency;
  std::optional<Instant> created;
  std::optional<Instant> start_date;
  std::vector<SubscriptionItem> items;  // by id: Stripe's order means nothing
  bool items_truncated = false;         // Stripe has more items than the snapshot lists
  std::optional<Instant> period_start;  // top level if given, else the latest start of the items
  std::optional<Instant> period_end;    // top level if given, else the earliest end of the items
  std::optional<Instant> billing_cycle_anchor;
  std::optional<std::int64_t> billing_day;  // billing_cycle_anchor_config.day_of_month, 1-31
  bool cancel_at_period_end = false;
  std::optional<Instant> cancel_at;
  std::optional<Instant> canceled_at;  // when cancellation was asked for; goes away when it is taken back
  std::optional<Instant> ended_at;
  std::optional<Instant> trial_start;
  std::optional<Instant> trial_end;
  std::optional<std::string> pause_collection;  // behaviour: keep_as_draft, mark_uncollectible, void
  std::optional<std::string> latest_invoice;
  std::optional<std::string> schedule;
  std::optional<std::string> collection_method;
  std::map<std::string, std::string> metadata;
  bool livemode = false;

  bool operator==(const Subscription&) const = default;
};

// Final for Stripe: canceled, incomplete_expired.
bool IsTerminalSubscriptionStatus(std::string_view status);

// Reads data.object. Which shape it has is told by the fields that are there, never by a version. The error names the
// path and what is wrong with it. Pure.
tl::expected<Subscription, std::string> DecodeSubscription(JsonValue object);

}  // namespace billsync::stripe
