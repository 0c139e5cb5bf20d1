#include "billsync/stripe/checkout_session.h"

#include "field_reader.h"

namespace billsync::stripe {

tl::expected<CheckoutSession, std::string> DecodeCheckoutSession(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("checkout.session");
  CheckoutSession decoded;
  decoded.id = source.RequiredText("id");
  decoded.customer = source.Reference("customer");
  if (!decoded.customer) decoded.customer = source.Reference("customer_account");
  decoded.subscription = source.Reference("subscription");
  decoded.client_reference_id = source.Text("client_reference_id");
  decoded.mode = source.Text("mode");
  decoded.status = source.Text("status");
  decoded.payment_status = source.Text("payment_status");
  decoded.metadata = source.TextMap("metadata");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

}  // namespace billsync::stripe
