#include "billsync/billing/event_reason.h"

#include <algorithm>

namespace billsync::billing {

namespace {

std::chrono::seconds LongestBackOff(ParkReason reason) {
  switch (reason) {
    case ParkReason::kUnknownCustomer:
    case ParkReason::kMissingExchangeRate:
      return std::chrono::hours(1);
    case ParkReason::kUnmappedPrice:
    case ParkReason::kUnreadableShape:
    case ParkReason::kApplyFailed:
      return std::chrono::minutes(10);
  }
  return std::chrono::minutes(10);
}

}  // namespace

std::string_view Code(IgnoreReason reason) {
  switch (reason) {
    case IgnoreReason::kTypeNotUsed:
      return "type_not_used";
    case IgnoreReason::kThinEvent:
      return "thin_event";
    case IgnoreReason::kOtherMode:
      return "other_mode";
    case IgnoreReason::kNoObjectId:
      return "no_object_id";
    case IgnoreReason::kNoCustomer:
      return "no_customer";
  }
  return "";
}

std::string_view Code(ParkReason reason) {
  switch (reason) {
    case ParkReason::kUnknownCustomer:
      return "unknown_customer";
    case ParkReason::kUnmappedPrice:
      return "unmapped_price";
    case ParkReason::kMissingExchangeRate:
      return "missing_exchange_rate";
    case ParkReason::kUnreadableShape:
      return "unreadable_shape";
    case ParkReason::kApplyFailed:
      return "apply_failed";
  }
  return "";
}

std::string_view WayOut(ParkReason reason) {
  switch (reason) {
    case ParkReason::kUnknownCustomer:
      return "set users.stripe_customer_id of the user it belongs to, or metadata.user_id of the customer or "
             "subscription "
             "in Stripe; it is applied within a second or two";
    case ParkReason::kUnmappedPrice:
      return "add the price, its product or its lookup key to a [[plan]], or the price to add_ons, in the "
             "configuration and "
             "restart serve; or set plan_tier in the metadata of the price or product in Stripe: its price.updated or "
             "product.updated event releases this one within a second or two";
    case ParkReason::kMissingExchangeRate:
      return "insert a row for the currency, valid on or before the day, into billing_fx_rates; it is applied within a "
             "second or two";
    case ParkReason::kUnreadableShape:
      return "see detail; upgrade billsync, then: billsync events retry";
    case ParkReason::kApplyFailed:
      return "see detail; mend the cause, then: billsync events retry";
  }
  return "";
}

std::chrono::seconds BackOff(int attempts, ParkReason reason) {
  const int doublings = std::clamp(attempts - 1, 0, 12);
  return std::min(std::chrono::seconds(1LL << doublings), LongestBackOff(reason));
}

}  // namespace billsync::billing
