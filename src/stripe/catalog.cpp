#include "billsync/stripe/catalog.h"

#include "field_reader.h"
#include "price_reader.h"

namespace billsync::stripe {

tl::expected<CatalogPrice, std::string> DecodeCatalogPrice(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("price");
  CatalogPrice decoded;
  decoded.price = ReadPrice(source);
  decoded.nickname = source.Text("nickname");
  decoded.active = source.Flag("active", true);
  decoded.created = source.Time("created");
  decoded.deleted = source.Flag("deleted");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

tl::expected<Product, std::string> DecodeProduct(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("product");
  Product decoded;
  decoded.id = source.RequiredText("id");
  decoded.name = source.Text("name");
  decoded.plan_tier = source.Child("metadata").Text("plan_tier");
  decoded.active = source.Flag("active", true);
  decoded.created = source.Time("created");
  decoded.deleted = source.Flag("deleted");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
