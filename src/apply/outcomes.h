// What became of each claimed event, collected during a batch and written at its end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/billing/event_reason.h"
#include "billsync/db/session.h"
#include "billsync/stripe/event_use.h"

namespace billsync::apply {

// A row of stripe_events this transaction holds the lock of.
struct ClaimedEvent {
  std::string id, type;
  std::string object_id;
  std::string customer;  // empty when the envelope names none
  stripe::EventUse use = stripe::EventUse::kIgnored;
  int64_t attempts = 0;
  std::optional<Instant> parked_since = std::nullopt;  // none unless it is parked
};

// Events not named otherwise are applied.
class Outcomes {
 public:
  explicit Outcomes(Instant now) : now_(now) {}

  // The first reason given to an event stays; `detail` says which customer, price, path … in plain words.
  void Park(const std::string& event_id, billing::ParkReason reason, std::string detail);
  void Ignore(const std::string& event_id, billing::IgnoreReason reason);

  // Writes all of `claimed`. Returns how many events ended in each status.
  std::map<std::string, uint64_t> Write(db::Transaction& tx, const std::vector<ClaimedEvent>& claimed) const;

 private:
  struct Verdict {
    std::string status, reason, detail;
    std::optional<billing::ParkReason> parked_for;
  };
  const Instant now_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace billsync::apply
