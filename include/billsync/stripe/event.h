// The envelope of a Stripe event: what is stored beside the payload before anybody understands the payload.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

// Ids longer than this, and ids with control characters, are not Stripe's.
inline constexpr size_t kMaxIdBytes = 255;

struct EventEnvelope {
  std::string id;
  std::string type;         // "invoice.paid"; thin events carry a prefix: "v1.invoice.paid"
  std::string object_type;  // data.object.object or related_object.type; empty when there is none
  // None for previews (invoice.upcoming). A summary of entitlements has no id of its own: EntitlementsObjectId() of its
  // customer.
  std::optional<std::string> object_id;
  std::optional<std::string> customer;     // whose event it is; a customer object's own id; else customer_account
  std::optional<std::string> api_version;  // version `data` is rendered in; never decides how we decode
  Instant created;                         // whole seconds for snapshot events; ties are normal
  bool livemode = false;
  std::optional<std::string> account;  // Connect: the account it happened in
  bool thin = false;                   // a "v2.core.event": a notification without a snapshot
};

// Why a body is not an event, in the order the checks run. Numbers never change.
enum class EventRefusal {
  kNul = 1,         // contains a NUL byte, raw or as \u0000
  kNotJson = 2,     // not one JSON value
  kBadUtf8 = 3,     // ill-formed UTF-8
  kTooDeep = 4,     // nested more than kMaxJsonDepth levels
  kNotAnEvent = 5,  // `object` is neither "event" nor "v2.core.event", or livemode is no boolean
  kBadId = 6,       // id missing, or an id that cannot be one
  kBadType = 7,     // type missing or unusable
  kBadCreated = 8,  // created missing, not whole seconds (milliseconds are refused), not RFC 3339 in a thin event
};

// The stable problem code: body_nul, body_not_json, body_bad_utf8, body_too_deep, not_an_event, event_id_invalid,
// event_type_invalid, event_created_invalid.
std::string_view Code(EventRefusal refusal);

// Reads the envelope of a delivered body. Only what storing needs is demanded (id, type, created); an event whose
// data cannot be understood is still an event and is kept. Pure; any thread.
tl::expected<EventEnvelope, EventRefusal> ReadEnvelope(std::string_view body);

// The same of a body that is parsed already.
tl::expected<EventEnvelope, EventRefusal> ReadEnvelope(const JsonDocument& document);

}  // namespace billsync::stripe
