// Which features are known of a customer, from lists that may be truncated.
#include "apply/feature_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace billsync::apply {
namespace {

stripe::StoredEvent List(int at, const std::vector<std::string>& keys, bool has_more) {
  std::string list;
  for (const auto& key : keys) {
    list += (list.empty() ? "" : ",") + std::string(R"({"id":"e","feature":"f","lookup_key":")") + key + "\"}";
  }
  return {.id = "evt_" + std::to_string(at),
          .type = "entitlements.active_entitlement_summary.updated",
          .created = Instant(std::chrono::seconds(1000 + at)),
          .payload = R"({"data":{"object":{"object":"entitlements.active_entitlement_summary","customer":"cus_1",)"
                     R"("entitlements":{"has_more":)" +
                     std::string(has_more ? "true" : "false") + R"(,"data":[)" + list + "]}}}}"};
}

std::vector<std::string> Known(const std::vector<stripe::StoredEvent>& events) {
  const auto fold = stripe::FoldActiveEntitlements(events);
  return fold ? KnownFeatures(*fold) : std::vector<std::string>{"unreadable"};
}

using Keys = std::vector<std::string>;

TEST(KnownFeatures, AreThoseOfTheNewestListIfItIsWhole) {
  EXPECT_EQ(Known({List(1, {"a", "b"}, false), List(2, {"c"}, false)}), Keys{"c"});
  EXPECT_EQ(Known({List(1, {"a"}, true), List(2, {}, false)}), Keys{});
}

TEST(KnownFeatures, OfTruncatedListsAreAllSinceTheLastWholeOne) {
  EXPECT_EQ(Known({List(1, {"a"}, false), List(2, {"b"}, false), List(3, {"c"}, true), List(4, {"d"}, true)}),
            (Keys{"b", "c", "d"}));
  EXPECT_EQ(Known({List(3, {"c"}, true), List(4, {"d"}, true)}), (Keys{"c", "d"}));
}

// Old events may be thinned out to the essential ones at any time, also more than once.
TEST(KnownFeatures, AreTheSameFromTheEssentialEvents) {
  const std::vector<stripe::StoredEvent> life = {List(1, {"a", "z"}, false), List(2, {"b"}, false),
                                                 List(3, {"b", "c"}, true),  List(4, {"b"}, true),
                                                 List(5, {"d"}, true),       List(6, {"b", "d"}, true)};
  for (size_t cut = 1; cut <= life.size(); ++cut) {
    const std::vector<stripe::StoredEvent> old(life.begin(), life.begin() + static_cast<long>(cut));
    const auto kept = stripe::EssentialEvents(stripe::EventUse::kActiveEntitlements, old);
    std::vector<stripe::StoredEvent> thinned;
    for (const auto& event : life) {
      const bool is_old = std::ranges::find(old, event.id, &stripe::StoredEvent::id) != old.end();
      if (!is_old || std::ranges::find(kept, event.id) != kept.end()) thinned.push_back(event);
    }
    EXPECT_EQ(Known(thinned), Known(life)) << "cut after " << cut;
  }
}

}  // namespace
}  // namespace billsync::apply
