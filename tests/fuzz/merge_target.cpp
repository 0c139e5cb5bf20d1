// The fold on payloads: bodies of events, each behind a byte 1E (as in a JSON text sequence, RFC 7464), are one set.
#include <set>

#include "billsync/stripe/event.h"
#include "billsync/stripe/event_use.h"
#include "fuzz/fold_laws.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

constexpr size_t kMostEvents = 12;  // beyond it an input costs time and shows nothing new

}  // namespace

void Merge(std::string_view input) {
  std::vector<stripe::StoredEvent> events;
  std::set<std::string> ids;  // an id is stored once
  stripe::EventUse use = stripe::EventUse::kIgnored;
  std::string type = "customer.subscription.updated";
  for (const auto body : SplitAt(input, '\x1e')) {
    if (body.empty() || events.size() == kMostEvents) continue;
    stripe::StoredEvent event{"evt_" + std::to_string(events.size()), type, Instant{}, std::string(body)};
    // A payload that is no event is handed to the fold as one of the last readable type: none may break it.
    if (const auto envelope = stripe::ReadEnvelope(body)) {
      event.id = envelope->id;
      event.type = type = envelope->type;
      event.created = envelope->created;
    }
    if (use == stripe::EventUse::kIgnored) use = stripe::UseOf(event.type, {});
    if (ids.insert(event.id).second) events.push_back(std::move(event));
  }
  if (!events.empty()) CheckFoldLaws(use, events);
}

}  // namespace billsync::fuzz
