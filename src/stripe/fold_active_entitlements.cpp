#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

// Every summary is the whole current set, so the winner's is the row.
const Rules<ActiveEntitlements>& ActiveEntitlementsRules() {
  static const Rules<ActiveEntitlements> rules{
      .use = EventUse::kActiveEntitlements,
      .decode = DecodeActiveEntitlements,
      .id = [](const ActiveEntitlements& e) { return EntitlementsObjectId(e.customer); },
  };
  return rules;
}

}  // namespace

FoldResult<Folded<ActiveEntitlements>> FoldActiveEntitlements(std::span<const StoredEvent> events) {
  return FoldBy<Folded<ActiveEntitlements>>(events, ActiveEntitlementsRules());
}

std::vector<std::string> EssentialOfActiveEntitlements(std::span<const StoredEvent> events, Instant now) {
  return EssentialBy(events, ActiveEntitlementsRules(), now);
}

}  // namespace billsync::stripe
