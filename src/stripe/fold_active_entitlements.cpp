#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

// What a truncated list does not show may still be there: the newest list of each feature, and the newest whole one.
std::vector<std::string> Marks(const ActiveEntitlements& entitlements, Instant) {
  std::vector<std::string> marks;
  for (const auto& key : entitlements.lookup_keys) marks.push_back("feature " + key);
  if (!entitlements.truncated) marks.emplace_back("whole");
  return marks;
}

// Every summary is the whole current set, so the winner's is the row, unless it is truncated.
const Rules<ActiveEntitlements>& ActiveEntitlementsRules() {
  static const Rules<ActiveEntitlements> rules{
      .use = EventUse::kActiveEntitlements,
      .decode = DecodeActiveEntitlements,
      .id = [](const ActiveEntitlements& e) { return EntitlementsObjectId(e.customer); },
      .marks = Marks,
  };
  return rules;
}

}  // namespace

FoldResult<Folded<ActiveEntitlements>> FoldActiveEntitlements(std::span<const StoredEvent> events) {
  return FoldBy<Folded<ActiveEntitlements>>(events, ActiveEntitlementsRules());
}

std::vector<std::string> EssentialOfActiveEntitlements(std::span<const StoredEvent> events) {
  return EssentialBy(events, ActiveEntitlementsRules());
}

}  // namespace billsync::stripe
