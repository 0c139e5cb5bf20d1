#include "billsync/stripe/payment.h"

#include "field_reader.h"

namespace billsync::stripe {
namespace {

// Amounts of one credit note issued before basil: its type says on which side of the payment the whole of it lies.
void SplitByType(CreditNote& note) {
  if (note.pre_payment_amount || note.post_payment_amount || !note.amount) return;
  if (note.type == "pre_payment") {
    note.pre_payment_amount = note.amount;
    note.post_payment_amount = 0;
  } else if (note.type == "post_payment") {
    note.pre_payment_amount = 0;
    note.post_payment_amount = note.amount;
  }
}

}  // namespace

tl::expected<Charge, std::string> DecodeCharge(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("charge");
  Charge decoded;
  decoded.id = source.RequiredText("id");
  decoded.customer = source.FirstReference("customer", "customer_account");
  decoded.payment_intent = source.Reference("payment_intent");
  decoded.invoice = source.Reference("invoice");
  decoded.currency = source.Text("currency");
  decoded.amount = source.Int("amount");
  decoded.amount_refunded = source.Int("amount_refunded");
  decoded.status = source.Text("status");
  decoded.created = source.Time("created");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

tl::expected<PaymentIntent, std::string> DecodePaymentIntent(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("payment_intent");
  PaymentIntent decoded;
  decoded.id = source.RequiredText("id");
  decoded.customer = source.FirstReference("customer", "customer_account");
  decoded.invoice = source.Reference("invoice");
  decoded.latest_charge = source.Reference("latest_charge");
  decoded.currency = source.Text("currency");
  decoded.amount = source.Int("amount");
  decoded.status = source.Text("status");
  decoded.created = source.Time("created");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

tl::expected<InvoicePayment, std::string> DecodeInvoicePayment(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("invoice_payment");
  InvoicePayment decoded;
  decoded.id = source.RequiredText("id");
  decoded.invoice = source.Reference("invoice");
  FieldReader payment = source.Child("payment");
  decoded.payment_intent = payment.Reference("payment_intent");
  decoded.charge = payment.Reference("charge");
  decoded.currency = source.Text("currency");
  decoded.amount_paid = source.Int("amount_paid");
  decoded.status = source.Text("status");
  decoded.paid_at = source.Child("status_transitions").Time("paid_at");
  decoded.created = source.Time("created");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

tl::expected<Refund, std::string> DecodeRefund(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("refund");
  Refund decoded;
  decoded.id = source.RequiredText("id");
  decoded.charge = source.Reference("charge");
  decoded.payment_intent = source.Reference("payment_intent");
  decoded.customer = source.FirstReference("customer", "customer_account");
  decoded.currency = source.Text("currency");
  decoded.amount = source.Int("amount");
  decoded.status = source.Text("status");
  decoded.reason = source.Text("reason");
  decoded.created = source.Time("created");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  return decoded;
}

tl::expected<CreditNote, std::string> DecodeCreditNote(JsonValue object) {
  std::string fault;
  FieldReader source(object, "data.object", &fault);
  source.ExpectKind("credit_note");
  CreditNote decoded;
  decoded.id = source.RequiredText("id");
  decoded.invoice = source.Reference("invoice");
  decoded.customer = source.FirstReference("customer", "customer_account");
  decoded.currency = source.Text("currency");
  decoded.amount = source.Int("amount");
  decoded.pre_payment_amount = source.Int("pre_payment_amount");
  decoded.post_payment_amount = source.Int("post_payment_amount");
  decoded.status = source.Text("status");
  decoded.type = source.Text("type");
  decoded.number = source.Text("number");
  decoded.reason = source.Text("reason");
  decoded.voided_at = source.Time("voided_at");
  decoded.created = source.Time("created");
  decoded.livemode = source.Flag("livemode");
  if (!fault.empty()) return tl::unexpected(fault);
  SplitByType(decoded);
  return decoded;
}

}  // namespace billsync::stripe
