#include "price_reader.h"

namespace billsync::stripe {
namespace {

std::optional<QuantityDivision> ReadDivision(FieldReader division) {
  if (!division.IsObject()) return std::nullopt;
  return QuantityDivision{division.Int("divide_by").value_or(0), division.Text("round")};
}

}  // namespace

Price ReadPrice(FieldReader price) {
  Price decoded;
  decoded.id = price.RequiredText("id");
  decoded.product = price.Reference("product");
  decoded.currency = price.Text("currency");
  decoded.unit_amount = price.Int("unit_amount");
  decoded.unit_amount_decimal = price.Decimal("unit_amount_decimal");
  decoded.lookup_key = price.Text("lookup_key");
  decoded.tiered = price.Text("billing_scheme") == "tiered";
  decoded.transform_quantity = ReadDivision(price.Child("transform_quantity"));
  FieldReader recurring = price.Child("recurring");
  decoded.metered = recurring.Text("usage_type") == "metered";
  decoded.interval = recurring.Text("interval");
  decoded.interval_count = recurring.Int("interval_count").value_or(1);
  decoded.plan_tier = price.Child("metadata").Text("plan_tier");
  if (!decoded.plan_tier && price.Raw("product").IsObject()) {
    decoded.plan_tier = price.Child("product").Child("metadata").Text("plan_tier");
  }
  return decoded;
}

Price ReadPlan(FieldReader plan) {
  Price decoded;
  decoded.id = plan.RequiredText("id");
  decoded.product = plan.Reference("product");
  decoded.currency = plan.Text("currency");
  decoded.unit_amount = plan.Int("amount");
  decoded.unit_amount_decimal = plan.Decimal("amount_decimal");
  decoded.interval = plan.Text("interval");
  decoded.interval_count = plan.Int("interval_count").value_or(1);
  decoded.metered = plan.Text("usage_type") == "metered";
  decoded.tiered = plan.Text("billing_scheme") == "tiered";
  decoded.transform_quantity = ReadDivision(plan.Child("transform_usage"));
  decoded.plan_tier = plan.Child("metadata").Text("plan_tier");
  return decoded;
}

}  // namespace billsync::stripe
