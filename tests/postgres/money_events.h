// Events of the objects that move money, as one side of 2025-03-31.basil or the other shows them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mirror.h"

namespace billsync::testing {

// Members left empty are null in the payload.
struct ChargeEvent {
  std::string event = "evt_charge";
  std::string type = "charge.succeeded";
  long long created = kAsOfSeconds - 3000;
  std::string id = "ch_1", payment_intent = "pi_1", invoice = "";
  std::string currency = "usd", customer = "cus_1";
  long long amount = 2900, amount_refunded = 0;

  std::string Body() const;
};

struct PaymentIntentEvent {
  std::string event = "evt_intent";
  std::string type = "payment_intent.succeeded";
  long long created = kAsOfSeconds - 3000;
  std::string id = "pi_1", latest_charge = "ch_1", invoice = "";

  std::string Body() const;
};

struct InvoicePaymentEvent {
  std::string event = "evt_inpay";
  long long created = kAsOfSeconds - 2980;
  std::string id = "inpay_1", invoice = "in_1", payment_intent = "pi_1", charge = "", status = "paid";

  std::string Body() const;
};

struct RefundEvent {
  std::string event = "evt_refund";
  std::string type = "refund.created";
  long long created = kAsOfSeconds - 2000;
  std::string id = "re_1", payment_intent = "pi_1", charge = "ch_1";
  std::string currency = "usd";
  long long amount = 1000;
  std::string status = "succeeded";

  std::string Body() const;
};

struct CreditNoteEvent {
  std::string event = "evt_note";
  std::string type = "credit_note.created";
  long long created = kAsOfSeconds - 2000;
  std::string id = "cn_1", invoice = "in_1";
  long long amount = 500;
  std::string customer = "cus_1", status = "issued";
  long long issued_at = kAsOfSeconds - 2000;
  long long voided_at = 0;  // 0: null

  std::string Body() const;
};

// An invoice of 29.00 that is paid; `payment_intent` and `charge` as payloads before basil name them.
struct PaidInvoiceEvent {
  std::string event = "evt_invoice";
  std::string type = "invoice.paid";
  long long created = kAsOfSeconds - 3000;
  std::string id = "in_1", customer = "cus_1", currency = "usd", payment_intent = "", charge = "";
  long long total = 2900, pre_payment_credit = 0, post_payment_credit = 0;

  std::string Body() const;
};

// Applies the bodies one by one in every order, each time into an empty mirror in which user 1 has cus_1, and expects
// `query` to say `expected` at the end of each.
void ExpectInEveryOrder(Mirror& mirror, std::vector<std::string> bodies, const std::string& query,
                        const std::string& expected, const apply::ApplyOptions& options = DemoOptions(1));

}  // namespace billsync::testing
