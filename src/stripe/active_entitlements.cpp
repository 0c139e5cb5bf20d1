#include "billsync/stripe/active_entitlements.h"

#include <algorithm>

#include "field_reader.h"

namespace billsync::stripe {

std::string EntitlementsObjectId(std::string_view customer) {
  return std::string("entitlements:").append(customer);
}

tl::expected<ActiveEntitlements, std::string> DecodeActiveEntitlements(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind(kActiveEntitlementsType);
  ActiveEntitlements decoded;
  const auto customer = source.FirstReference("customer", "customer_account");
  decoded.customer = customer ? *customer : source.RequiredText("customer");
  FieldReader list = source.Child("entitlements");
  for (FieldReader& entitlement : list.List("data")) {
    decoded.lookup_keys.push_back(entitlement.RequiredText("lookup_key"));
  }
  std::ranges::sort(decoded.lookup_keys);
  decoded.lookup_keys.erase(std::unique(decoded.lookup_keys.begin(), decoded.lookup_keys.end()),
                            decoded.lookup_keys.end());
  decoded.truncated = list.Flag("has_more");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
