#include "billsync/stripe/customer.h"

#include "field_reader.h"

namespace billsync::stripe {

tl::expected<Customer, std::string> DecodeCustomer(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("customer");
  Customer decoded;
  decoded.id = source.RequiredText("id");
  decoded.email = source.Text("email");
  decoded.created = source.Time("created");
  decoded.metadata = source.TextMap("metadata");
  decoded.deleted = source.Flag("deleted");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
