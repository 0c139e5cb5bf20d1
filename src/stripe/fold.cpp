#include "fold.h"

#include <stdexcept>

namespace billsync::stripe {

std::vector<const StoredEvent*> Canonical(std::span<const StoredEvent> events) {
  std::vector<const StoredEvent*> canonical;
  for (const auto& event : events) canonical.push_back(&event);
  std::sort(canonical.begin(), canonical.end(), [](const StoredEvent* a, const StoredEvent* b) {
    return std::tie(a->id, a->created, a->type, a->payload) < std::tie(b->id, b->created, b->type, b->payload);
  });
  return canonical;
}

std::string Describe(JsonFault fault) {
  switch (fault) {
    case JsonFault::kNotJson:
      return "payload is not JSON";
    case JsonFault::kBadUtf8:
      return "payload is not UTF-8";
    case JsonFault::kNul:
      return "payload contains a NUL";
    case JsonFault::kTooDeep:
      return "payload is nested too deep";
  }
  throw std::logic_error("unknown JsonFault");
}

}  // namespace billsync::stripe
