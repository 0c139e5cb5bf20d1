#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

// A status we do not know may follow the first one, as any later one may.
int ChargeRank(const Charge& charge) {
  if (!charge.status) return -1;
  return *charge.status == "pending" ? 0 : 1;
}

// amount_refunded is the winner's: it falls again when a refund fails.
const Rules<Charge>& ChargeRules() {
  static const Rules<Charge> rules{
      .use = EventUse::kCharge,
      .decode = DecodeCharge,
      .id = [](const Charge& c) { return c.id; },
      .status_rank = ChargeRank,
      .progress =
          [](const Charge& c) {
            return std::array<std::int64_t, 2>{c.amount_refunded.value_or(0), 0};
          },
      .columns = {Newest("customer", &Charge::customer), Newest("payment_intent", &Charge::payment_intent),
                  Newest("invoice", &Charge::invoice), Newest("currency", &Charge::currency),
                  Newest("amount", &Charge::amount), Newest("amount_refunded", &Charge::amount_refunded),
                  Highest("status", &Charge::status, ChargeRank), Newest("created", &Charge::created)},
  };
  return rules;
}

bool IsFinal(const PaymentIntent& intent) {
  return intent.status == "succeeded" || intent.status == "canceled";
}

const Rules<PaymentIntent>& PaymentIntentRules() {
  static const Rules<PaymentIntent> rules{
      .use = EventUse::kPaymentIntent,
      .decode = DecodePaymentIntent,
      .id = [](const PaymentIntent& p) { return p.id; },
      .terminal = IsFinal,
      .columns = {Newest("customer", &PaymentIntent::customer), Newest("invoice", &PaymentIntent::invoice),
                  Newest("latest_charge", &PaymentIntent::latest_charge), Newest("currency", &PaymentIntent::currency),
                  Newest("amount", &PaymentIntent::amount), Newest("status", &PaymentIntent::status),
                  Newest("created", &PaymentIntent::created)},
  };
  return rules;
}

bool IsSettled(const InvoicePayment& payment) {
  return payment.status == "paid" || payment.status == "canceled";
}

const Rules<InvoicePayment>& InvoicePaymentRules() {
  static const Rules<InvoicePayment> rules{
      .use = EventUse::kInvoicePayment,
      .decode = DecodeInvoicePayment,
      .id = [](const InvoicePayment& p) { return p.id; },
      .terminal = IsSettled,
      .columns = {Newest("invoice", &InvoicePayment::invoice),
                  Newest("payment_intent", &InvoicePayment::payment_intent), Newest("charge", &InvoicePayment::charge),
                  Newest("currency", &InvoicePayment::currency), Newest("amount_paid", &InvoicePayment::amount_paid),
                  Newest("status", &InvoicePayment::status), Newest("paid_at", &InvoicePayment::paid_at),
                  Newest("created", &InvoicePayment::created)},
  };
  return rules;
}

// {pending, requires_action} < succeeded < {failed, canceled}: a succeeded refund may still fail, a failed one never
// succeeds. A status we do not know ranks with succeeded.
int RefundRank(const Refund& refund) {
  if (!refund.status) return -1;
  if (*refund.status == "pending" || *refund.status == "requires_action") return 0;
  return *refund.status == "failed" || *refund.status == "canceled" ? 2 : 1;
}

const Rules<Refund>& RefundRules() {
  static const Rules<Refund> rules{
      .use = EventUse::kRefund,
      .decode = DecodeRefund,
      .id = [](const Refund& r) { return r.id; },
      .terminal = [](const Refund& r) { return RefundRank(r) == 2; },
      .status_rank = RefundRank,
      .columns = {Newest("charge", &Refund::charge), Newest("payment_intent", &Refund::payment_intent),
                  Newest("customer", &Refund::customer), Newest("currency", &Refund::currency),
                  Newest("amount", &Refund::amount), Highest("status", &Refund::status, RefundRank),
                  Newest("reason", &Refund::reason), Newest("created", &Refund::created)},
  };
  return rules;
}

const Rules<CreditNote>& CreditNoteRules() {
  static const Rules<CreditNote> rules{
      .use = EventUse::kCreditNote,
      .decode = DecodeCreditNote,
      .id = [](const CreditNote& n) { return n.id; },
      .terminal = [](const CreditNote& n) { return n.status == "void"; },
      .columns = {Newest("invoice", &CreditNote::invoice), Newest("customer", &CreditNote::customer),
                  Newest("currency", &CreditNote::currency), Newest("amount", &CreditNote::amount),
                  Newest("pre_payment_amount", &CreditNote::pre_payment_amount),
                  Newest("post_payment_amount", &CreditNote::post_payment_amount),
                  Newest("status", &CreditNote::status), Newest("type", &CreditNote::type),
                  Newest("number", &CreditNote::number), Newest("reason", &CreditNote::reason),
                  Newest("voided_at", &CreditNote::voided_at), Newest("created", &CreditNote::created)},
      // When it was issued, and when it was voided, where it does not say itself.
      .first_marks =
          [](const CreditNote& n, Instant) {
            return std::vector<std::string>{"any", "status " + n.status.value_or("")};
          },
  };
  return rules;
}

}  // namespace

FoldResult<Folded<Charge>> FoldCharge(std::span<const StoredEvent> events) {
  return FoldBy<Folded<Charge>>(events, ChargeRules());
}

FoldResult<Folded<PaymentIntent>> FoldPaymentIntent(std::span<const StoredEvent> events) {
  return FoldBy<Folded<PaymentIntent>>(events, PaymentIntentRules());
}

FoldResult<Folded<InvoicePayment>> FoldInvoicePayment(std::span<const StoredEvent> events) {
  return FoldBy<Folded<InvoicePayment>>(events, InvoicePaymentRules());
}

FoldResult<Folded<Refund>> FoldRefund(std::span<const StoredEvent> events) {
  return FoldBy<Folded<Refund>>(events, RefundRules());
}

FoldResult<Folded<CreditNote>> FoldCreditNote(std::span<const StoredEvent> events) {
  return FoldBy<Folded<CreditNote>>(events, CreditNoteRules());
}

std::vector<std::string> EssentialOfCharge(std::span<const StoredEvent> events) {
  return EssentialBy(events, ChargeRules());
}

std::vector<std::string> EssentialOfPaymentIntent(std::span<const StoredEvent> events) {
  return EssentialBy(events, PaymentIntentRules());
}

std::vector<std::string> EssentialOfInvoicePayment(std::span<const StoredEvent> events) {
  return EssentialBy(events, InvoicePaymentRules());
}

std::vector<std::string> EssentialOfRefund(std::span<const StoredEvent> events) {
  return EssentialBy(events, RefundRules());
}

std::vector<std::string> EssentialOfCreditNote(std::span<const StoredEvent> events) {
  return EssentialBy(events, CreditNoteRules());
}

}  // namespace billsync::stripe
