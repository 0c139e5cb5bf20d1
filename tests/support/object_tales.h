// Subscriptions and invoices as Stripe renders them before and after 2025-03-31.basil.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace billsync::testing {

// The members of a JSON object by name, each as JSON text; and one way to write it.
using JsonFields = std::map<std::string, std::string>;
std::string JsonText(const JsonFields& fields);

struct LifeEvent {
  std::string id, type, object_id;
  int64_t created = 0;  // Unix seconds
  std::string body;
};

// A delivery's body. `previous` empty: no previous_attributes.
LifeEvent MakeEvent(const std::string& id, const std::string& type, int64_t created, const JsonFields& object,
                    const JsonFields& previous, bool old_shape);

struct Subscription {
  std::string id, customer, status, price, currency, latest_invoice, schedule;
  int64_t amount = 0, quantity = 1, created = 0, period_start = 0, period_end = 0;
  bool cancel_at_period_end = false;
  std::optional<int64_t> cancel_at, canceled_at, ended_at, trial_end;
  std::string pause;            // behaviour; empty: none
  std::string metadata = "{}";  // JSON

  bool Ended() const { return status == "canceled" || status == "incomplete_expired"; }
};

struct Invoice {
  std::string id, customer, subscription, status = "draft", currency, number, billing_reason;
  int64_t total = 0, amount_paid = 0, created = 0, attempt_count = 0;
  std::optional<int64_t> finalized_at, paid_at, voided_at, uncollectible_at;

  std::string PaymentIntent() const { return "pi_" + id; }
};

// How an invoice was paid: a charge of a payment intent. In the old shape both name the invoice, in the new one only
// an invoice payment does.
struct Payment {
  std::string intent, charge, invoice_payment;
  int64_t refunded = 0;
};

JsonFields ChargeFields(const Invoice& invoice, const Payment& payment, bool old_shape);
JsonFields IntentFields(const Invoice& invoice, const Payment& payment, bool old_shape);
JsonFields InvoicePaymentFields(const Invoice& invoice, const Payment& payment);
JsonFields RefundFields(const std::string& id, const Invoice& invoice, const Payment& payment, int64_t amount,
                        const std::string& status, int64_t created);
JsonFields CreditNoteFields(const std::string& id, const Invoice& invoice, int64_t amount, int64_t created,
                            std::optional<int64_t> voided_at);

// A schedule that holds `subscription` until its period ends and then moves it to another price.
JsonFields ScheduleFields(const std::string& id, const Subscription& subscription, const std::string& next_price,
                          const std::string& status);

JsonFields FieldsOf(const Subscription& subscription, bool old_shape);
JsonFields FieldsOf(const Invoice& invoice, bool old_shape);

// previous_attributes: the members that differ, with their values of before.
JsonFields Changed(const JsonFields& before, const JsonFields& after);

}  // namespace billsync::testing
