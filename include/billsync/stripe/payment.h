// Money that moved for invoices, as one snapshot shows it, the same from every API version: charges, payment intents,
// invoice payments, refunds and credit notes. Amounts are minor units as Stripe counts them for the currency.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

// data.object of charge.succeeded, charge.refunded and the like (not of charge.refund.* and charge.dispute.*).
struct Charge {
  std::string id;
  std::optional<std::string> customer;
  std::optional<std::string> payment_intent;
  std::optional<std::string> invoice;  // until 2025-02-24.acacia; from basil on only invoice payments tell
  std::optional<std::string> currency;
  std::optional<std::int64_t> amount;
  std::optional<std::int64_t> amount_refunded;  // of all refunds that have not failed
  std::optional<std::string> status;            // succeeded, pending, failed
  std::optional<Instant> created;
  bool livemode = false;

  bool operator==(const Charge&) const = default;
};

// data.object of payment_intent.*: read for the invoice it names until 2025-02-24.acacia.
struct PaymentIntent {
  std::string id;
  std::optional<std::string> customer;
  std::optional<std::string> invoice;
  std::optional<std::string> latest_charge;
  std::optional<std::string> currency;
  std::optional<std::int64_t> amount;
  std::optional<std::string> status;
  std::optional<Instant> created;
  bool livemode = false;

  bool operator==(const PaymentIntent&) const = default;
};

// data.object of invoice_payment.paid (since 2025-05-28.basil): which payment paid how much of which invoice.
struct InvoicePayment {
  std::string id;
  std::optional<std::string> invoice;
  std::optional<std::string> payment_intent;  // one of the two; none of a payment recorded outside of Stripe
  std::optional<std::string> charge;
  std::optional<std::string> currency;
  std::optional<std::int64_t> amount_paid;
  std::optional<std::string> status;  // open, paid, canceled
  std::optional<Instant> paid_at;
  std::optional<Instant> created;
  bool livemode = false;

  bool operator==(const InvoicePayment&) const = default;
};

// data.object of refund.* and charge.refund.updated.
struct Refund {
  std::string id;
  std::optional<std::string> charge;
  std::optional<std::string> payment_intent;
  std::optional<std::string> customer;  // since 2026-07-29.dahlia
  std::optional<std::string> currency;
  std::optional<std::int64_t> amount;
  std::optional<std::string> status;  // pending, requires_action, succeeded, failed, canceled
  std::optional<std::string> reason;
  std::optional<Instant> created;
  bool livemode = false;

  bool operator==(const Refund&) const = default;
};

// data.object of credit_note.*.
struct CreditNote {
  std::string id;
  std::optional<std::string> invoice;
  std::optional<std::string> customer;
  std::optional<std::string> currency;
  std::optional<std::int64_t> amount;               // including tax
  std::optional<std::int64_t> pre_payment_amount;   // of it, what lowered the amount due
  std::optional<std::int64_t> post_payment_amount;  // of it, what was given back; before basil `type` tells both
  std::optional<std::string> status;                // issued, void
  std::optional<std::string> type;                  // pre_payment, post_payment, mixed
  std::optional<std::string> number;
  std::optional<std::string> reason;
  std::optional<Instant> voided_at;
  std::optional<Instant> created;
  bool livemode = false;

  bool operator==(const CreditNote&) const = default;
};

// Each reads data.object; as DecodeSubscription.
tl::expected<Charge, std::string> DecodeCharge(JsonValue object);
tl::expected<PaymentIntent, std::string> DecodePaymentIntent(JsonValue object);
tl::expected<InvoicePayment, std::string> DecodeInvoicePayment(JsonValue object);
tl::expected<Refund, std::string> DecodeRefund(JsonValue object);
tl::expected<CreditNote, std::string> DecodeCreditNote(JsonValue object);

}  // namespace billsync::stripe
