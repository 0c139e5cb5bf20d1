// Why an event is ignored or parked: the closed list behind stripe_events.reason.
#pragma once

#include <chrono>
#include <string_view>

#include "billsync/base/instant.h"

namespace billsync::billing {

// An event that will never change a row of ours.
enum class IgnoreReason {
  kTypeNotUsed,  // stored for the record; no table of ours depends on this type
  kThinEvent,    // a v2 notification: it carries no object
  kOtherMode,    // test event on a live endpoint or the reverse (BILLSYNC_LIVEMODE)
  kNoObjectId,   // a preview such as invoice.upcoming
  kNoCustomer,   // an object that belongs to nobody (guest checkout)
};

// What an event waits for.
enum class ParkReason {
  kUnknownCustomer,  // released when a users row or a link names the customer
  // Released when serve starts with a plan map that knows the price, and when an event of the catalog changes what
  // prices mean (plan_tier metadata, lookup key).
  kUnmappedPrice,
  kMissingExchangeRate,  // released when billing_fx_rates gets a row
  kUnreadableShape,      // a field we need is missing or of another type; released by a release that reads it
  kApplyFailed,          // the database refused the row; detail has the SQLSTATE
};

// The text in stripe_events.reason; never changes once released.
std::string_view Code(IgnoreReason reason);
std::string_view Code(ParkReason reason);

// What would release it, for a person.
std::string_view WayOut(ParkReason reason);

// How long to wait before attempt `attempts` + 1: 1 s doubling to 10 minutes; to an hour for reasons that something
// releases as soon as they are gone, so that a backlog of strangers' events costs little.
std::chrono::seconds BackOff(int attempts, ParkReason reason);

// A parked event is given up (`dead`) when it has been parked this long without a break.
inline constexpr std::chrono::days kParkedAtMost{30};

}  // namespace billsync::billing
