#include "billsync/stripe/subscription.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

Subscription Decoded(const std::string& text) {
  const auto document = Parsed(text);
  auto decoded = DecodeSubscription(document.Root());
  if (!decoded) throw std::runtime_error(decoded.error());
  return *std::move(decoded);
}

std::string FaultOf(const std::string& text) {
  const auto document = Parsed(text);
  const auto decoded = DecodeSubscription(document.Root());
  return decoded ? "" : decoded.error();
}

constexpr const char* kPrice =
    R"({"id":"price_1","object":"price","product":"prod_1","currency":"usd","unit_amount":2900,
        "unit_amount_decimal":"2900","billing_scheme":"per_unit","lookup_key":"pro","metadata":{"plan_tier":"pro"},
        "recurring":{"interval":"month","interval_count":1,"usage_type":"licensed"}})";

TEST(SubscriptionShape, IsTheSameFromBothSidesOfBasil) {
  const std::string head =
      R"({"id":"sub_1","object":"subscription","customer":"cus_1","status":"active","currency":"usd","created":1,
          "start_date":1,"cancel_at_period_end":false,"latest_invoice":"in_1","metadata":{"user_id":"u"},
          "livemode":false,)";
  const std::string item = R"({"id":"si_1","quantity":2,"price":)" + std::string(kPrice);
  const auto before =
      Decoded(head + R"("current_period_start":100,"current_period_end":200,"items":{"data":[)" + item + "}]}}");
  const auto after =
      Decoded(head + R"("items":{"data":[)" + item + R"(,"current_period_start":100,"current_period_end":200}]}})");
  EXPECT_EQ(before, after);
  EXPECT_EQ(before.period_start, At(100));
  EXPECT_EQ(before.items.at(0).period_end, At(200));
  EXPECT_EQ(before.items.at(0).price.plan_tier, "pro");
  EXPECT_EQ(before.items.at(0).quantity, 2);
}

TEST(SubscriptionShape, TakesTheLatestStartAndEarliestEndOfSeveralItems) {
  const std::string items =
      R"(,"items":{"data":[
        {"id":"si_b","price":{"id":"p1"},"current_period_start":100,"current_period_end":900},
        {"id":"si_a","price":{"id":"p2"},"current_period_start":300,"current_period_end":500}],"has_more":true})";
  const auto decoded = Decoded(Sub("active", items));
  EXPECT_EQ(decoded.period_start, At(300));
  EXPECT_EQ(decoded.period_end, At(500));
  EXPECT_TRUE(decoded.items_truncated);
  EXPECT_EQ(decoded.items[0].id, "si_a");
  EXPECT_EQ(decoded.items[1].period_end, At(900));
}

TEST(SubscriptionShape, TakesTheTopLevelPeriodOfATransitionalPayload) {
  const auto decoded = Decoded(Sub("active",
                                   R"(,"current_period_start":1,"current_period_end":2,"items":{"data":[
                                      {"id":"si","price":{"id":"p"},"current_period_start":3,"current_period_end":4}]})"));
  EXPECT_EQ(decoded.period_start, At(1));
  EXPECT_EQ(decoded.period_end, At(2));
  EXPECT_EQ(decoded.items[0].period_start, At(3));
}

TEST(SubscriptionShape, FallsBackToTheLegacyPlan) {
  const auto decoded = Decoded(Sub("active", R"(,"quantity":3,"plan":{"id":"gold","amount":500,"amount_decimal":"500",
      "currency":"eur","product":"prod_g","interval":"year","usage_type":"metered","billing_scheme":"tiered"})"));
  ASSERT_EQ(decoded.items.size(), 1U);
  EXPECT_EQ(decoded.items[0].quantity, 3);
  EXPECT_EQ(decoded.items[0].price.id, "gold");
  EXPECT_EQ(decoded.items[0].price.unit_amount, 500);
  EXPECT_EQ(decoded.items[0].price.interval, "year");
  EXPECT_TRUE(decoded.items[0].price.metered);
  EXPECT_TRUE(decoded.items[0].price.tiered);
}

TEST(SubscriptionShape, ReadsHowAPriceDividesItsQuantityFromPriceAndPlanAlike) {
  const QuantityDivision tens{.by = 10, .round = "up"};
  const auto priced = Decoded(Sub("active", R"(,"items":{"data":[{"id":"si","price":{"id":"p",
      "transform_quantity":{"divide_by":10,"round":"up"}}}]})"));
  EXPECT_EQ(priced.items.at(0).price.transform_quantity, tens);
  const auto planned = Decoded(Sub("active", R"(,"items":{"data":[{"id":"si","plan":{"id":"p",
      "transform_usage":{"divide_by":10,"round":"up"}}}]})"));
  EXPECT_EQ(planned.items.at(0).price.transform_quantity, tens);
  const auto none = Decoded(Sub("active", R"(,"items":{"data":[{"id":"si","price":{"id":"p",
      "transform_quantity":null}}]})"));
  EXPECT_EQ(none.items.at(0).price.transform_quantity, std::nullopt);
}

TEST(SubscriptionShape, ReadsTheConfiguredDayOfTheMonth) {
  const auto day = [](const std::string& config) {
    return Decoded(Sub("active", R"(,"billing_cycle_anchor_config":)" + config)).billing_day;
  };
  EXPECT_EQ(day(R"({"day_of_month":31,"hour":10})"), 31);
  EXPECT_EQ(day("null"), std::nullopt);
  EXPECT_EQ(day(R"({"day_of_month":0})"), std::nullopt);
  EXPECT_EQ(day(R"({"day_of_month":32})"), std::nullopt);
}

TEST(SubscriptionShape, PrefersItemsToTheLegacyPlan) {
  const auto decoded =
      Decoded(Sub("active", R"(,"plan":{"id":"old"},"items":{"data":[{"id":"si","price":{"id":"new"}}]})"));
  EXPECT_EQ(decoded.items.at(0).price.id, "new");
  const auto item_plan = Decoded(Sub("active", R"(,"items":{"data":[{"id":"si","plan":{"id":"old"}}]})"));
  EXPECT_EQ(item_plan.items.at(0).price.id, "old");
}

TEST(SubscriptionShape, ReadsExpandedReferencesAsIds) {
  const auto decoded = Decoded(
      R"({"id":"sub_1","object":"subscription","status":"active","customer":{"id":"cus_1","deleted":true},
          "latest_invoice":{"id":"in_1"},"schedule":{"id":"sub_sched_1"},"items":{"data":[{"id":"si","price":
          {"id":"p","product":{"id":"prod_1","metadata":{"plan_tier":"pro"}}}}]}})");
  EXPECT_EQ(decoded.customer, "cus_1");
  EXPECT_EQ(decoded.latest_invoice, "in_1");
  EXPECT_EQ(decoded.schedule, "sub_sched_1");
  EXPECT_EQ(decoded.items[0].price.product, "prod_1");
  EXPECT_EQ(decoded.items[0].price.plan_tier, "pro");
}

TEST(SubscriptionShape, KeepsUnknownStatusesAndLivesWithNulls) {
  const auto decoded = Decoded(
      R"({"id":"sub_1","status":"hibernating","customer":null,"customer_account":"acct_1","items":null,"metadata":null,
          "cancel_at":null,"pause_collection":null,"cancel_at_period_end":null,"some_new_field":[{}]})");
  EXPECT_EQ(decoded.status, "hibernating");
  EXPECT_EQ(decoded.customer, "acct_1");
  EXPECT_TRUE(decoded.items.empty());
  EXPECT_FALSE(decoded.cancel_at_period_end);
}

TEST(SubscriptionShape, ReadsPausesTrialsAndCancellation) {
  const auto decoded = Decoded(Sub("trialing", R"(,"pause_collection":{"behavior":"void","resumes_at":null},
      "trial_start":10,"trial_end":20,"cancel_at_period_end":true,"cancel_at":20,"canceled_at":11,"ended_at":null)"));
  EXPECT_EQ(decoded.pause_collection, "void");
  EXPECT_EQ(decoded.trial_start, At(10));
  EXPECT_EQ(decoded.trial_end, At(20));
  EXPECT_TRUE(decoded.cancel_at_period_end);
  EXPECT_EQ(decoded.cancel_at, At(20));
  EXPECT_EQ(decoded.canceled_at, At(11));
  EXPECT_FALSE(decoded.ended_at);
}

TEST(SubscriptionShape, NamesThePathOfWhatIsUnreadable) {
  struct Row {
    std::string text;
    const char* fault;
  };
  const std::vector<Row> rows{
      {"[]", "data.object is not an object"},
      {"null", "data.object is missing"},
      {R"({"id":"sub_1","object":"plan","status":"x"})", "data.object.object is not \"subscription\""},
      {R"({"status":"active"})", "data.object.id is missing"},
      {R"({"id":"sub_1"})", "data.object.status is missing"},
      {Sub("active", R"(,"cancel_at":1794297600000)"), "data.object.cancel_at is not a Unix time in seconds"},
      {Sub("active", R"(,"created":1.0)"), "data.object.created is not a Unix time in seconds"},
      {Sub("active", R"(,"cancel_at_period_end":"no")"), "data.object.cancel_at_period_end is not true or false"},
      {Sub("active", R"(,"metadata":{"a":{}})"), "data.object.metadata.a is not text"},
      {Sub("active", R"(,"items":{"data":[{"id":"si"}]})"), "data.object.items.data[0].price.id is missing"},
      {Sub("active", R"(,"items":{"data":[{"id":"si","price":{"id":"p","unit_amount":29.5}}]})"),
       "data.object.items.data[0].price.unit_amount is not a whole number of 64 bits"},
      {Sub("active", R"(,"items":{"data":[{"id":"si","price":{"id":"p","unit_amount_decimal":"1e3"}}]})"),
       "data.object.items.data[0].price.unit_amount_decimal is not a decimal number"},
      {Sub("active", R"(,"customer_account":7)"), ""},
  };
  for (const auto& row : rows) EXPECT_EQ(FaultOf(row.text), row.fault) << row.text;
}

}  // namespace
}  // namespace billsync::stripe
