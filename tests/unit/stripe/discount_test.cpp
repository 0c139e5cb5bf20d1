#include "billsync/stripe/discount.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

std::string Text(const std::string& more) {
  return R"({"id":"di_1","object":"discount","customer":"cus_1","subscription":"sub_1","start":5,"end":null)" + more +
         "}";
}

TEST(DiscountShape, IsTheSameFromBothPlacesOfTheCoupon) {
  const std::string whole = R"({"id":"SPRING","object":"coupon","percent_off":12.5,"amount_off":null,"currency":null})";
  const auto basil = Decoded(DecodeDiscount, Text(R"(,"coupon":)" + whole));
  EXPECT_EQ(basil, Decoded(DecodeDiscount, Text(R"(,"source":{"type":"coupon","coupon":)" + whole + "}")));
  EXPECT_EQ(basil.coupon, "SPRING");
  EXPECT_EQ(basil.percent_off, "12.5");
  EXPECT_EQ(basil.start, At(5));
  const auto by_id = Decoded(DecodeDiscount, Text(R"(,"source":{"type":"coupon","coupon":"SPRING"})"));
  EXPECT_EQ(by_id.coupon, "SPRING");
  EXPECT_EQ(by_id.percent_off, std::nullopt);
  EXPECT_EQ(by_id, Decoded(DecodeDiscount, Text(R"(,"coupon":"SPRING")")));
}

TEST(DiscountShape, ReadsPercentagesHoweverTheyAreWritten) {
  const std::vector<std::pair<const char*, const char*>> rows{
      {"25", "25"},    {"33.33", "33.33"}, {"0.1", "0.1"},        {"100", "100"},
      {"5e-1", "0.5"}, {"12.50", "12.5"},  {R"("12.5")", "12.5"}, {"1e2", "100"}};
  for (const auto& [written, read] : rows) {
    EXPECT_EQ(
        Decoded(DecodeDiscount, Text(R"(,"coupon":{"id":"c","percent_off":)" + std::string(written) + "}")).percent_off,
        read);
  }
}

TEST(DiscountShape, ReadsAmountsAndPromotionCodes) {
  const auto discount = Decoded(DecodeDiscount, Text(R"(,"coupon":{"id":"c","amount_off":500,"currency":"eur"},
                                                          "promotion_code":{"id":"promo_1"})"));
  EXPECT_EQ(discount.amount_off, 500);
  EXPECT_EQ(discount.currency, "eur");
  EXPECT_EQ(discount.promotion_code, "promo_1");
  EXPECT_EQ(Decoded(DecodeDiscount, R"({"id":"di_1","customer_account":"acct_1"})").customer, "acct_1");
}

TEST(DiscountShape, NamesThePathOfWhatIsUnreadable) {
  EXPECT_EQ(FaultOf(DecodeDiscount, R"({"object":"discount"})"), "data.object.id is missing");
  EXPECT_EQ(FaultOf(DecodeDiscount, Text(R"(,"coupon":{"percent_off":5})")), "data.object.coupon.id is missing");
  EXPECT_EQ(FaultOf(DecodeDiscount, Text(R"(,"source":{"coupon":{"id":"c","percent_off":true}})")),
            "data.object.source.coupon.percent_off is not text");
  EXPECT_EQ(FaultOf(DecodeDiscount, Text(R"(,"source":{"coupon":{"id":"c","percent_off":"ten"}})")),
            "data.object.source.coupon.percent_off is not a decimal number");
  EXPECT_EQ(FaultOf(DecodeDiscount, Text(R"(,"source":[])")), "data.object.source is not an object");
}

TEST(DiscountFold, EndsWhenItIsDeleted) {
  const auto folded =
      FoldedInEveryOrder(FoldDiscount, {Event("evt_3", "customer.discount.created", 9, Text(R"(,"coupon":"a")")),
                                        Event("evt_2", "customer.discount.deleted", 0, Text(R"(,"coupon":"a")")),
                                        Event("evt_1", "customer.discount.updated", 5, Text(R"(,"coupon":"a")"))});
  EXPECT_TRUE(folded.deleted);
  EXPECT_EQ(folded.order.back().event_id, "evt_2");
}

TEST(DiscountFold, KeepsTheTermsOfTheSameCouponOnly) {
  const auto created =
      Event("evt_1", "customer.discount.created", 0, Text(R"(,"coupon":{"id":"a","amount_off":500,"currency":"usd"})"));
  const auto same = FoldedInEveryOrder(
      FoldDiscount, {created, Event("evt_2", "customer.discount.updated", 5, Text(R"(,"source":{"coupon":"a"})"))});
  EXPECT_EQ(same.current.amount_off, 500);
  EXPECT_EQ(same.current.currency, "usd");
  EXPECT_EQ(same.origins, (std::vector<ValueOrigin>{{"amount_off", "evt_1"}, {"currency", "evt_1"}}));
  const auto other = FoldedInEveryOrder(
      FoldDiscount, {created, Event("evt_2", "customer.discount.updated", 5, Text(R"(,"source":{"coupon":"b"})"))});
  EXPECT_EQ(other.current.coupon, "b");
  EXPECT_EQ(other.current.amount_off, std::nullopt);
}

}  // namespace
}  // namespace billsync::stripe
