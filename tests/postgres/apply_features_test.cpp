// Stripe's active entitlements as a second source of tiers.
#include <gtest/gtest.h>

#include "money_events.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

// The demo's plans, in which pro and enterprise also name a feature.
apply::ApplyOptions FeatureOptions() {
  const std::vector<billing::Plan> plans = {
      {.tier = billing::Tier::kFree, .monthly_runs_quota = 100, .prices = {}, .products = {}, .lookup_keys = {}},
      {.tier = billing::Tier::kPro,
       .monthly_runs_quota = 1000,
       .prices = {"price_demo_pro_monthly"},
       .products = {},
       .lookup_keys = {},
       .features = {"pro_access"}},
      {.tier = billing::Tier::kEnterprise,
       .monthly_runs_quota = 10000,
       .prices = {"price_demo_enterprise_monthly"},
       .products = {},
       .lookup_keys = {},
       .features = {"enterprise_access"}}};
  auto options = DemoOptions(1);
  options.plans = billing::PlanMap(plans, {});
  return options;
}

// {"pro_access", "sso"} as the list of a summary of cus_1.
std::string Summary(const std::string& event, long long created, const std::vector<std::string>& keys,
                    bool has_more = false) {
  std::string list;
  for (const auto& key : keys) {
    if (!list.empty()) list += ",";
    list += R"({"id":"ent_)" + key + R"(","feature":"feat_)" + key + R"(","lookup_key":")" + key + "\"}";
  }
  return EventBody(event, "entitlements.active_entitlement_summary.updated", created,
                   R"("object":"entitlements.active_entitlement_summary","customer":"cus_1","livemode":false,)"
                   R"("entitlements":{"object":"list","has_more":)" +
                       std::string(has_more ? "true" : "false") + ",\"data\":[" + list + "]}");
}

class FeatureTest : public ::testing::Test {
 protected:
  void ExpectPlanInEveryOrder(const std::vector<std::string>& bodies, const std::string& plan) {
    ExpectInEveryOrder(mirror_, bodies, "SELECT plan_tier || ' ' || monthly_runs_quota FROM users", plan,
                       FeatureOptions());
  }
  std::string LastChange() {
    return mirror_.database.Value(
        "SELECT from_tier || ' ' || to_tier || ' ' || coalesce(stripe_subscription_id, '-') || ' ' || event_id || ' ' "
        "|| cause FROM billing_plan_changes ORDER BY id DESC LIMIT 1");
  }

  Mirror mirror_;
};

TEST_F(FeatureTest, GiveTheTierOfThePlanThatNamesThem) {
  ExpectPlanInEveryOrder({Summary("evt_a", kAsOfSeconds - 50, {"pro_access", "sso"})}, "pro 1000");
  EXPECT_EQ(LastChange(), "free pro - evt_a cus_1 is entitled to the feature pro_access");
}

TEST_F(FeatureTest, AndSubscriptionsGiveTheHigherOfTheTwo) {
  ExpectPlanInEveryOrder({Summary("evt_a", kAsOfSeconds - 50, {"enterprise_access"}), SubscriptionEvent{}.Body()},
                         "enterprise 10000");
  ExpectPlanInEveryOrder({Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}),
                          SubscriptionEvent{.price = "price_demo_enterprise_monthly"}.Body()},
                         "enterprise 10000");
}

TEST_F(FeatureTest, ThatAreGoneTakeTheirTierAway) {
  ExpectPlanInEveryOrder({Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}), Summary("evt_b", kAsOfSeconds - 40, {})},
                         "free 100");
}

TEST_F(FeatureTest, OfATruncatedListTakeNothingAwayAndMayGive) {
  ExpectPlanInEveryOrder(
      {Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}), Summary("evt_b", kAsOfSeconds - 40, {"sso"}, true)},
      "pro 1000");
  EXPECT_EQ(mirror_.database.Value("SELECT lookup_keys::text || truncated FROM billing_customer_features"),
            "{pro_access,sso}true");
  ExpectPlanInEveryOrder({Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}),
                          Summary("evt_b", kAsOfSeconds - 40, {"enterprise_access"}, true)},
                         "enterprise 10000");
}

TEST_F(FeatureTest, OfATruncatedListKeepTheTierOfAUserOfWhomNothingElseIsKnown) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}, {"plan_tier", "'enterprise'"}});
  mirror_.Store(Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}, true));
  mirror_.Apply(FeatureOptions());
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  mirror_.Store(Summary("evt_b", kAsOfSeconds - 40, {"pro_access"}));
  mirror_.Apply(FeatureOptions());
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(FeatureTest, DecideNothingWhileNoPlanNamesAny) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}, {"plan_tier", "'enterprise'"}});
  mirror_.Store(Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}));
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_a"), "applied");
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 100");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_plan_changes"), "0");

  // serve starts with a plan map that does.
  apply::AdoptPlanMap(*mirror_.pool().Acquire(), "with features");
  mirror_.Apply(FeatureOptions());
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(FeatureTest, WaitForTheirUser) {
  mirror_.Store(Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}));
  mirror_.Apply(FeatureOptions());
  EXPECT_EQ(mirror_.StatusOf("evt_a"), "parked unknown_customer");
  EXPECT_EQ(mirror_.database.Value("SELECT lookup_keys::text FROM billing_customer_features"), "{pro_access}");
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Apply(FeatureOptions());
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(FeatureTest, OfADeletedCustomerAreGone) {
  ExpectPlanInEveryOrder(
      {Summary("evt_a", kAsOfSeconds - 50, {"pro_access"}),
       CustomerEvent{.event = "evt_gone", .type = "customer.deleted", .created = kAsOfSeconds - 40}.Body()},
      "free 100");
}

TEST_F(FeatureTest, AndDiscountsAreKept) {
  mirror_.Store(EventBody("evt_d", "customer.discount.created", kAsOfSeconds - 50,
                          R"("id":"di_1","object":"discount","customer":"cus_1","subscription":"sub_1","start":100,)"
                          R"("coupon":{"id":"WELCOME","object":"coupon","percent_off":12.5})"));
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT coupon || ' ' || percent_off || ' ' || deleted FROM billing_discounts"),
            "WELCOME 12.5 false");
  mirror_.Store(EventBody("evt_e", "customer.discount.deleted", kAsOfSeconds - 40,
                          R"("id":"di_1","object":"discount","customer":"cus_1","subscription":"sub_1","start":100)"));
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT coupon || ' ' || deleted FROM billing_discounts"), "WELCOME true");
}

}  // namespace
}  // namespace billsync::testing
