// Which events this program reads, by type.
#pragma once

#include <string_view>
#include <vector>

namespace billsync::stripe {

// What an event's snapshot is a snapshot of, as far as we use it.
enum class EventUse {
  kSubscription,
  kInvoice,
  kCustomer,
  kCheckoutSession,
  kPrice,
  kProduct,
  kSchedule,
  kCharge,
  kPaymentIntent,
  kInvoicePayment,
  kRefund,
  kCreditNote,
  kDiscount,
  kActiveEntitlements,
  kIgnored
};

// The pseudo type of an object read from Stripe's REST API and kept beside the events (see merge.h).
inline constexpr std::string_view kApiReadType = "billsync.api_read";

// What to do with an event. The type alone decides, by the list of Stripe's 2026-10-28.endive: an event of a known
// type whose object is not what the type promises is unreadable, not unimportant, and must be parked by the reader.
// `object_type` decides only for kApiReadType. invoice.upcoming (a preview without id), thin events and types that
// Stripe may add later are ignored. Pure.
EventUse UseOf(std::string_view type, std::string_view object_type);

// The types that UseOf gives a use, in byte order. Pure.
std::vector<std::string_view> ReadTypes();

// Stripe's name of the kind of object: "subscription", "checkout.session"; empty for kIgnored.
std::string_view ObjectTypeOf(EventUse use);

}  // namespace billsync::stripe
