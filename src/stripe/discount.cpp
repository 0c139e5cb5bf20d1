#include "billsync/stripe/discount.h"

#include "field_reader.h"

namespace billsync::stripe {
namespace {

// What the discount gives, where the coupon is shown whole.
void ReadCoupon(FieldReader coupon, Discount& decoded) {
  decoded.percent_off = coupon.Number("percent_off");
  decoded.amount_off = coupon.Int("amount_off");
  decoded.currency = coupon.Text("currency");
}

}  // namespace

tl::expected<Discount, std::string> DecodeDiscount(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("discount");
  Discount decoded;
  decoded.id = source.RequiredText("id");
  decoded.customer = source.FirstReference("customer", "customer_account");
  decoded.subscription = source.Reference("subscription");
  FieldReader holder = source.Raw("coupon").IsNull() ? source.Child("source") : source;
  decoded.coupon = holder.Reference("coupon");
  if (holder.Raw("coupon").IsObject()) ReadCoupon(holder.Child("coupon"), decoded);
  decoded.promotion_code = source.Reference("promotion_code");
  decoded.start = source.Time("start");
  decoded.end = source.Time("end");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
