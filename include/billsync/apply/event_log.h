// Looking at stored events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/db/session.h"

namespace billsync::apply {

// A row of stripe_events without its payload.
struct EventSummary {
  std::string id, type, status;
  std::optional<std::string> object_id, customer, reason, detail, api_version;
  Instant created, received_at, next_attempt_at;
  std::optional<Instant> applied_at;
  int64_t attempts = 0;
  bool livemode = false;

  // What a person can do about it, for a parked or dead event; empty else.
  std::string WayOut() const;
  std::string Json() const;
};

struct EventFilter {
  std::optional<std::string> status, reason, object_id, customer;
  int64_t limit = 50;
  std::optional<std::string> type{};
  // Only those behind this one in the order below: the last of the page before.
  std::optional<Instant> after_received_at{};
  std::string after_id{};
};

// By received_at, newest first, then by id.
std::vector<EventSummary> ListEvents(db::Session& session, const EventFilter& filter);

struct StoredEventDetail {
  EventSummary summary;
  std::string payload;  // byte for byte as Stripe sent it
};
std::optional<StoredEventDetail> FindEvent(db::Session& session, const std::string& id);

}  // namespace billsync::apply
