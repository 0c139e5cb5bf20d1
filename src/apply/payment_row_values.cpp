#include "row_columns.h"
#include "row_values.h"

namespace billsync::apply {
namespace {

constexpr std::string_view kOfCharges = "only a charge tells";
constexpr std::string_view kOfInvoicePayments = "only an invoice payment tells";

}  // namespace

std::vector<RowValue> RowValues(const stripe::Folded<stripe::Charge>& fold) {
  const auto& c = fold.current;
  return Columns()
      .Is("stripe_object_id", "id", c.id)
      .Is("kind", "id", std::string_view("charge"))
      .Is("stripe_customer_id", "customer", c.customer)
      .Is("stripe_payment_intent_id", "payment_intent", c.payment_intent)
      .Is("stripe_charge_id", "id", c.id)
      .Is("stripe_invoice_id", "invoice", c.invoice)
      .Is("currency", "currency", c.currency)
      .Is("amount_minor", "amount", c.amount)
      .Is("amount_refunded_minor", "amount_refunded", c.amount_refunded)
      .Is("status", "status", c.status)
      .Else("paid_at", kOfInvoicePayments)
      .Is("issued_at", "created", c.created)
      .Is("livemode", "livemode", c.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::PaymentIntent>& fold) {
  const auto& p = fold.current;
  return Columns()
      .Is("stripe_object_id", "id", p.id)
      .Is("kind", "id", std::string_view("payment_intent"))
      .Is("stripe_customer_id", "customer", p.customer)
      .Is("stripe_payment_intent_id", "id", p.id)
      .Is("stripe_charge_id", "latest_charge", p.latest_charge)
      .Is("stripe_invoice_id", "invoice", p.invoice)
      .Is("currency", "currency", p.currency)
      .Is("amount_minor", "amount", p.amount)
      .Else("amount_refunded_minor", kOfCharges)
      .Is("status", "status", p.status)
      .Else("paid_at", kOfInvoicePayments)
      .Is("issued_at", "created", p.created)
      .Is("livemode", "livemode", p.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::InvoicePayment>& fold) {
  const auto& p = fold.current;
  return Columns()
      .Is("stripe_object_id", "id", p.id)
      .Is("kind", "id", std::string_view("invoice_payment"))
      .Else("stripe_customer_id", "an invoice payment names no customer")
      .Is("stripe_payment_intent_id", "payment_intent", p.payment_intent)
      .Is("stripe_charge_id", "charge", p.charge)
      .Is("stripe_invoice_id", "invoice", p.invoice)
      .Is("currency", "currency", p.currency)
      .Is("amount_minor", "amount_paid", p.amount_paid)
      .Else("amount_refunded_minor", kOfCharges)
      .Is("status", "status", p.status)
      .Is("paid_at", "paid_at", p.paid_at)
      .Is("issued_at", "created", p.created)
      .Is("livemode", "livemode", p.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::Refund>& fold) {
  const auto& r = fold.current;
  return Columns()
      .Is("stripe_refund_id", "id", r.id)
      .Is("stripe_customer_id", "customer", r.customer)
      .Is("stripe_payment_intent_id", "payment_intent", r.payment_intent)
      .Is("stripe_charge_id", "charge", r.charge)
      .Is("currency", "currency", r.currency)
      .Is("amount_minor", "amount", r.amount)
      .Is("status", "status", r.status)
      .Is("reason", "reason", r.reason)
      .Is("issued_at", "created", r.created)
      .Is("livemode", "livemode", r.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::CreditNote>& fold) {
  const auto& n = fold.current;
  return Columns()
      .Is("stripe_credit_note_id", "id", n.id)
      .Is("stripe_invoice_id", "invoice", n.invoice)
      .Is("stripe_customer_id", "customer", n.customer)
      .Is("number", "number", n.number)
      .Is("type", "type", n.type)
      .Is("status", "status", n.status)
      .Is("reason", "reason", n.reason)
      .Is("currency", "currency", n.currency)
      .Is("amount_minor", "amount", n.amount)
      .Is("pre_payment_minor", "pre_payment_amount", n.pre_payment_amount)
      .Is("post_payment_minor", "post_payment_amount", n.post_payment_amount)
      .Of("issued_at", "created", "else the first event's moment")
      .Of("voided_at", "voided_at", "else the moment of the first event that shows it void")
      .Is("livemode", "livemode", n.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::Discount>& fold) {
  const auto& d = fold.current;
  return Columns()
      .Is("stripe_discount_id", "id", d.id)
      .Is("stripe_customer_id", "customer", d.customer)
      .Is("stripe_subscription_id", "subscription", d.subscription)
      .Is("coupon", "coupon", d.coupon)
      .Is("promotion_code", "promotion_code", d.promotion_code)
      .Is("percent_off", "percent_off", d.percent_off)
      .Is("amount_off_minor", "amount_off", d.amount_off)
      .Is("currency", "currency", d.currency)
      .Is("starts_at", "start", d.start)
      .Is("ends_at", "end", d.end)
      .Is("deleted", "id", fold.deleted)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::ActiveEntitlements>& fold) {
  const auto& e = fold.current;
  return Columns()
      .Is("stripe_customer_id", "id", e.customer)
      .Of("lookup_keys", "lookup_keys", "where Stripe lists a part only, with those of the last whole list")
      .Is("truncated", "truncated", e.truncated)
      .Is("livemode", "livemode", e.livemode)
      .OfEvents(fold);
}

}  // namespace billsync::apply
