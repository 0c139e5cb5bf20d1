#include "billsync/stripe/active_entitlements.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

// A list of one entitlement per letter.
std::string List(const std::string& keys, const std::string& more = "") {
  std::string data;
  for (const char key : keys) {
    if (!data.empty()) data += ",";
    data += std::string(R"({"id":"ent_)") + key + R"(","feature":"feat_1","lookup_key":")" + key + "\"}";
  }
  return R"({"object":"list","data":[)" + data + "]" + more + "}";
}

std::string Summary(const std::string& keys, const std::string& more = "") {
  return R"({"object":"entitlements.active_entitlement_summary","customer":"cus_1","livemode":false,"entitlements":)" +
         List(keys, more) + "}";
}

TEST(ActiveEntitlementsShape, IsTheSortedSetOfLookupKeys) {
  const auto summary = Decoded(DecodeActiveEntitlements, Summary("cabca", R"(,"has_more":false)"));
  EXPECT_EQ(summary.customer, "cus_1");
  EXPECT_EQ(summary.lookup_keys, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(summary.truncated);
}

TEST(ActiveEntitlementsShape, NeverReadsATruncatedListAsComplete) {
  EXPECT_TRUE(Decoded(DecodeActiveEntitlements, Summary("a", R"(,"has_more":true)")).truncated);
}

TEST(ActiveEntitlementsShape, LivesWithEmptyListsAndExpandedCustomers) {
  EXPECT_TRUE(Decoded(DecodeActiveEntitlements, Summary("")).lookup_keys.empty());
  EXPECT_TRUE(Decoded(DecodeActiveEntitlements, R"({"customer":{"id":"c"},"entitlements":null})").lookup_keys.empty());
  EXPECT_EQ(Decoded(DecodeActiveEntitlements, R"({"customer_account":"acct_1"})").customer, "acct_1");
}

TEST(ActiveEntitlementsShape, NamesThePathOfWhatIsUnreadable) {
  EXPECT_EQ(FaultOf(DecodeActiveEntitlements, "{}"), "data.object.customer is missing");
  EXPECT_EQ(FaultOf(DecodeActiveEntitlements, R"({"customer":7})"), "data.object.customer is not text");
  EXPECT_EQ(FaultOf(DecodeActiveEntitlements, R"({"customer":"c","object":"list"})"),
            "data.object.object is not \"entitlements.active_entitlement_summary\"");
  EXPECT_EQ(FaultOf(DecodeActiveEntitlements, R"({"customer":"c","entitlements":{"data":{}}})"),
            "data.object.entitlements.data is not an array");
  EXPECT_EQ(FaultOf(DecodeActiveEntitlements, R"({"customer":"c","entitlements":{"data":[{"id":"ent_1"}]}})"),
            "data.object.entitlements.data[0].lookup_key is missing");
}

TEST(ActiveEntitlementsFold, TakesTheNewestSetWhole) {
  constexpr const char* kType = "entitlements.active_entitlement_summary.updated";
  const auto before = [](const std::string& keys) { return R"({"entitlements":)" + List(keys) + "}"; };
  const auto folded =
      FoldedInEveryOrder(FoldActiveEntitlements, {Event("evt_3", kType, 0, Summary("a"), before("")),
                                                  Event("evt_2", kType, 0, Summary("ab"), before("a")),
                                                  Event("evt_1", kType, 0, Summary("b"), before("ab"))});
  EXPECT_EQ(folded.current.lookup_keys, std::vector<std::string>{"b"});
  EXPECT_EQ(folded.order.back().above_previous, OrderRule::kChain);
  EXPECT_FALSE(folded.needs_refetch);
}

TEST(ActiveEntitlementsFold, RefusesASummaryOfAnotherCustomer) {
  constexpr const char* kType = "entitlements.active_entitlement_summary.updated";
  const auto folded = FoldedBy(FoldActiveEntitlements,
                               {Event("evt_1", kType, 0, Summary("a")),
                                Event("evt_2", kType, 5, R"({"customer":"cus_2","entitlements":{"data":[]}})")});
  EXPECT_EQ(folded.current.lookup_keys, std::vector<std::string>{"a"});
  EXPECT_EQ(folded.unreadable.at(0).id, "evt_2");
}

}  // namespace
}  // namespace billsync::stripe
