#include "billsync/stripe/catalog.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

std::string PriceText(const std::string& more = "") {
  return R"({"id":"price_1","object":"price","active":true,"currency":"usd","product":"prod_1","unit_amount":2900,
      "unit_amount_decimal":"2900","billing_scheme":"per_unit","type":"recurring","created":5,"livemode":true,
      "recurring":{"interval":"year","interval_count":2,"usage_type":"licensed"})" +
         more + "}";
}

std::string ProductText(const std::string& more = "") {
  return R"({"id":"prod_1","object":"product","name":"Pro","active":true,"created":5,"livemode":true)" + more + "}";
}

constexpr const char* kDeletedPrice = R"({"id":"price_1","object":"price","deleted":true})";
constexpr const char* kDeletedProduct = R"({"id":"prod_1","object":"product","deleted":true})";

TEST(PriceShape, ReadsWhatAnItemShowsOfItAndWhatIsItsOwn) {
  const auto price = Decoded(DecodeCatalogPrice,
                             PriceText(R"(,"nickname":"Yearly","lookup_key":"pro_y","metadata":{"plan_tier":"pro"})"));
  EXPECT_EQ(price.price.id, "price_1");
  EXPECT_EQ(price.price.product, "prod_1");
  EXPECT_EQ(price.price.unit_amount, 2900);
  EXPECT_EQ(price.price.interval, "year");
  EXPECT_EQ(price.price.interval_count, 2);
  EXPECT_EQ(price.price.lookup_key, "pro_y");
  EXPECT_EQ(price.price.plan_tier, "pro");
  EXPECT_EQ(price.nickname, "Yearly");
  EXPECT_EQ(price.created, At(5));
  EXPECT_TRUE(price.active);
  EXPECT_TRUE(price.livemode);
  EXPECT_FALSE(price.deleted);
}

TEST(PriceShape, IsTheSameWithTheProductExpanded) {
  EXPECT_EQ(Decoded(DecodeCatalogPrice, R"({"id":"price_1","product":{"id":"prod_1","metadata":{}}})"),
            Decoded(DecodeCatalogPrice, R"({"id":"price_1","product":"prod_1"})"));
}

TEST(PriceShape, ReadsTieredFractionalAndOneTimePrices) {
  const auto tiered = Decoded(DecodeCatalogPrice,
                              R"({"id":"p","unit_amount":null,"unit_amount_decimal":null,"billing_scheme":"tiered",
                                  "tiers_mode":"graduated","recurring":{"interval":"month","usage_type":"metered"}})");
  EXPECT_TRUE(tiered.price.tiered);
  EXPECT_TRUE(tiered.price.metered);
  EXPECT_EQ(tiered.price.unit_amount, std::nullopt);
  const auto fraction = Decoded(DecodeCatalogPrice, R"({"id":"p","unit_amount":null,"unit_amount_decimal":"0.05"})");
  EXPECT_EQ(fraction.price.unit_amount_decimal, "0.05");
  const auto once = Decoded(DecodeCatalogPrice, R"({"id":"p","type":"one_time","recurring":null})");
  EXPECT_EQ(once.price.interval, std::nullopt);
}

TEST(PriceShape, IsActiveUnlessItSaysOtherwise) {
  EXPECT_TRUE(Decoded(DecodeCatalogPrice, R"({"id":"p"})").active);
  EXPECT_TRUE(Decoded(DecodeCatalogPrice, R"({"id":"p","active":null})").active);
  EXPECT_FALSE(Decoded(DecodeCatalogPrice, R"({"id":"p","active":false})").active);
  EXPECT_FALSE(Decoded(DecodeProduct, R"({"id":"p","active":false})").active);
}

TEST(PriceShape, NamesThePathOfWhatIsUnreadable) {
  const std::vector<std::pair<const char*, const char*>> rows{
      {"[]", "data.object is not an object"},
      {R"({"object":"price"})", "data.object.id is missing"},
      {R"({"id":"","object":"price"})", "data.object.id is missing"},
      {R"({"id":"p","object":"plan"})", "data.object.object is not \"price\""},
      {R"({"id":"p","active":"yes"})", "data.object.active is not true or false"},
      {R"({"id":"p","nickname":7})", "data.object.nickname is not text"},
      {R"({"id":"p","recurring":[]})", "data.object.recurring is not an object"},
      {R"({"id":"p","unit_amount":0.5})", "data.object.unit_amount is not a whole number of 64 bits"},
      {R"({"id":"p","unit_amount":-2900})", ""},
      {R"({"id":"p","product":{"name":"x"}})", "data.object.product.id is missing"},
      {R"({"id":"p","metadata":{"plan_tier":{}}})", "data.object.metadata.plan_tier is not text"},
  };
  for (const auto& [text, fault] : rows) EXPECT_EQ(FaultOf(DecodeCatalogPrice, text), fault) << text;
}

TEST(ProductShape, ReadsItsTierFromTheMetadata) {
  const auto product = Decoded(DecodeProduct, ProductText(R"(,"metadata":{"plan_tier":"enterprise","x":"y"})"));
  EXPECT_EQ(product.name, "Pro");
  EXPECT_EQ(product.plan_tier, "enterprise");
  EXPECT_EQ(product.created, At(5));
}

TEST(ProductShape, NamesThePathOfWhatIsUnreadable) {
  EXPECT_EQ(FaultOf(DecodeProduct, R"({"object":"product"})"), "data.object.id is missing");
  EXPECT_EQ(FaultOf(DecodeProduct, R"({"id":"p","object":"price"})"), "data.object.object is not \"product\"");
  EXPECT_EQ(FaultOf(DecodeProduct, R"({"id":"p","name":[]})"), "data.object.name is not text");
}

TEST(PriceFold, FollowsALookupKeyThatMoves) {
  const auto folded = FoldedInEveryOrder(
      FoldPrice,
      {Event("evt_3", "price.created", 0, PriceText(R"(,"lookup_key":"pro")")),
       Event("evt_2", "price.updated", 0, PriceText(R"(,"lookup_key":"pro_old")"), R"({"lookup_key":"pro"})"),
       Event("evt_1", "price.updated", 0, PriceText(R"(,"lookup_key":null)"), R"({"lookup_key":"pro_old"})")});
  EXPECT_EQ(folded.current.price.lookup_key, std::nullopt);
  EXPECT_EQ(folded.order.back().event_id, "evt_1");
  EXPECT_EQ(folded.order.back().above_previous, OrderRule::kChain);
  EXPECT_TRUE(folded.origins.empty());
  EXPECT_FALSE(folded.deleted);
}

TEST(PriceFold, StaysDeletedAndKeepsWhatItWas) {
  const auto folded = FoldedInEveryOrder(
      FoldPrice,
      {Event("evt_1", "price.updated", 0, PriceText(R"(,"lookup_key":"pro","metadata":{"plan_tier":"pro"})")),
       Event("evt_2", "price.deleted", 5, PriceText()), Event("evt_3", "price.updated", 9, PriceText()),
       Read("read_1", 20, kDeletedPrice)});
  EXPECT_TRUE(folded.deleted);
  EXPECT_TRUE(folded.current.deleted);
  EXPECT_FALSE(folded.current.active);
  EXPECT_EQ(folded.order.back().event_id, "read_1");
  EXPECT_EQ(folded.current.price.currency, "usd");
  EXPECT_EQ(folded.current.price.unit_amount, 2900);
  EXPECT_EQ(folded.current.price.interval_count, 2);
  EXPECT_EQ(folded.current.price.lookup_key, "pro");
  EXPECT_EQ(folded.current.price.plan_tier, "pro");
  EXPECT_TRUE(folded.current.livemode);
}

TEST(PriceFold, DoesNotKeepATierThatWasTakenFromALivePrice) {
  const auto folded =
      FoldedBy(FoldPrice, {Event("evt_1", "price.created", 0, PriceText(R"(,"metadata":{"plan_tier":"pro"})")),
                           Event("evt_2", "price.updated", 5, PriceText(R"(,"metadata":{})"))});
  EXPECT_EQ(folded.current.price.plan_tier, std::nullopt);
}

TEST(PriceFold, LeavesOutWhatIsUnreadableAndWhatIsNotAPrice) {
  const std::vector<StoredEvent> events{Event("evt_1", "price.created", 0, PriceText()),
                                        Event("evt_2", "price.updated", 5, R"({"id":"price_1","active":"no"})"),
                                        Event("evt_3", "product.updated", 9, ProductText()),
                                        Event("evt_4", "price.updated", 9, R"({"id":"price_2"})")};
  const auto folded = FoldedBy(FoldPrice, events);
  EXPECT_EQ(folded.order.size(), 1U);
  EXPECT_EQ(folded.ignored, std::vector<std::string>{"evt_3"});
  EXPECT_EQ(folded.unreadable, (std::vector<UnreadableEvent>{{"evt_2", "data.object.active is not true or false"},
                                                             {"evt_4", "data.object.id is another object's"}}));
}

TEST(ProductFold, FollowsItsTierAndStaysDeleted) {
  std::vector<StoredEvent> events{
      Event("evt_1", "product.created", 9, ProductText()),
      Event("evt_2", "product.updated", 0, ProductText(R"(,"metadata":{"plan_tier":"pro"})"))};
  EXPECT_EQ(FoldedInEveryOrder(FoldProduct, events).current.plan_tier, "pro");
  events.push_back(Read("read_1", 20, kDeletedProduct));
  events.push_back(Event("evt_3", "product.updated", 30, ProductText()));
  const auto folded = FoldedInEveryOrder(FoldProduct, events);
  EXPECT_TRUE(folded.deleted);
  EXPECT_FALSE(folded.current.active);
  EXPECT_EQ(folded.current.name, "Pro");
}

}  // namespace
}  // namespace billsync::stripe
