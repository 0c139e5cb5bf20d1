// An invoice as one snapshot shows it, the same from every API version.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "billsync/base/instant.h"
#include "billsync/stripe/json.h"

namespace billsync::stripe {

// Amounts are minor units as Stripe counts them for `currency`; totals may be negative.
struct Invoice {
  std::optional<std::string> id;  // none, or upcoming_in_…, for a preview
  std::optional<std::string> customer;
  std::optional<std::string> subscription;
  std::optional<std::string> status;  // draft, open, paid, void, uncollectible, or whatever Stripe adds
  std::optional<std::string> currency;
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> amount_due;
  std::optional<std::int64_t> amount_paid;
  std::optional<std::int64_t> amount_remaining;
  std::optional<std::int64_t> pre_payment_credit_notes_amount;
  std::optional<std::int64_t> post_payment_credit_notes_amount;
  std::optional<std::string> payment_intent;  // what paid it, until 2025-02-24.acacia; from basil on invoice payments
  std::optional<std::string> charge;          // tell, and a webhook's invoice names neither
  std::optional<std::string> number;
  std::optional<std::string> billing_reason;
  std::optional<std::string> hosted_invoice_url;
  std::optional<std::string> collection_method;
  std::optional<Instant> created;
  std::optional<Instant> due_date;
  std::optional<Instant> period_start;  // the window items were gathered in, not what was paid for
  std::optional<Instant> period_end;
  std::optional<Instant> service_period_start;  // earliest start and latest end of the lines; none unless all are
  std::optional<Instant> service_period_end;    // listed
  bool lines_truncated = false;                 // Stripe has more lines than the snapshot lists
  std::optional<Instant> finalized_at;
  std::optional<Instant> paid_at;
  std::optional<Instant> voided_at;
  std::optional<Instant> marked_uncollectible_at;
  std::int64_t attempt_count = 0;
  bool attempted = false;
  std::optional<Instant> next_payment_attempt;
  std::map<std::string, std::string> metadata;
  bool livemode = false;

  bool operator==(const Invoice&) const = default;
};

// True for what Stripe only announces (invoice.upcoming, previews): it has no id to keep it under.
bool IsPreview(const Invoice& invoice);

// Reads data.object; as DecodeSubscription.
tl::expected<Invoice, std::string> DecodeInvoice(JsonValue object);

}  // namespace billsync::stripe
