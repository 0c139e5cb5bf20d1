// An object that changes, told as Stripe tells it: each event shows all of the object after the change, and an
// *.updated event the old values of what changed, in the one or the other rendering.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "billsync/stripe/merge.h"

namespace billsync::stripe {

using Hash = std::map<std::string, std::string>;  // member → JSON text
// Of nested hashes Stripe's previous_attributes list the changed members only, of everything else the whole old value.
using Rendering = std::map<std::string, std::variant<std::string, Hash>>;

enum class Shape { kAcacia, kEndive };  // before and since 2025-03-31.basil

std::string Text(const std::string& value);  // as a JSON string
std::string Number(long long value);
std::string Json(const Rendering& rendering);
// The old values that turn `after` into `before`; "{}" when nothing changed.
std::string PreviousAttributes(const Rendering& before, const Rendering& after);

struct Told {
  std::vector<StoredEvent> events;  // in the order things happened
  std::string object;               // as it ended, in the last event's rendering
};

// Lives in which every step is one that Stripe allows. `mixed`: each event in a shape of its own, else all in one.
// Many steps share a second; ids say nothing about time, and *.created may be stamped a second late.
Told SubscriptionLife(bool mixed);
Told InvoiceLife(bool mixed);
Told CustomerLife();

// Any set of up to `most` events at all: statuses, types, stamps, lists and previous attributes without sense.
std::vector<StoredEvent> SubscriptionChaos(size_t most, const std::string& id_suffix = "");
std::vector<StoredEvent> InvoiceChaos(size_t most, const std::string& id_suffix = "");
std::vector<StoredEvent> CustomerChaos(size_t most, const std::string& id_suffix = "");

// Ids that sort in no relation to time, as Stripe's do.
std::string RandomId(size_t step);
std::vector<StoredEvent> ShuffledWithDuplicates(std::vector<StoredEvent> events);
std::vector<StoredEvent> Shuffled(std::vector<StoredEvent> events);

}  // namespace billsync::stripe
