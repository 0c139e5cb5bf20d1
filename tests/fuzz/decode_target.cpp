// Every decoder on data.object of an event, or on the whole text when it is no event; then the arithmetic that the
// decoded numbers go through.
#include <algorithm>

#include "billsync/base/parse.h"
#include "billsync/billing/money.h"
#include "billsync/stripe/active_entitlements.h"
#include "billsync/stripe/catalog.h"
#include "billsync/stripe/checkout_session.h"
#include "billsync/stripe/customer.h"
#include "billsync/stripe/discount.h"
#include "billsync/stripe/invoice.h"
#include "billsync/stripe/payment.h"
#include "billsync/stripe/subscription.h"
#include "billsync/stripe/subscription_schedule.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

// Beyond these MultiplyDecimal refuses.
constexpr std::int64_t kMostPieces = 10'000'000'000;
constexpr std::int64_t kDearest = 1'000'000'000'000'000;

void MustBeATime(const std::optional<Instant>& at) {
  if (at) Must(ParseInstant(FormatInstant(*at)) == *at, "a decoded time can be written and read");
}

void MustBeAnAmount(const std::optional<std::int64_t>& minor, const std::optional<std::string>& currency) {
  if (!minor) return;
  std::string digits = billing::FormatMinor(*minor, billing::MinorUnitDecimals(currency.value_or("usd")));
  std::erase(digits, '.');
  Must(ParseInt<std::int64_t>(digits) == *minor, "an amount written out keeps its digits");
}

// The decoder says the same twice, and a refusal is one line a person can read. Returns what was decoded.
template <typename T>
std::optional<T> Decoded(tl::expected<T, std::string> (*decode)(stripe::JsonValue), stripe::JsonValue object) {
  auto first = decode(object);
  const auto second = decode(object);
  Must(first.has_value() == second.has_value(), "a decoder decides the same twice");
  if (first) {
    Must(*first == *second, "and decodes the same twice");
    return *std::move(first);
  }
  const std::string& why = first.error();
  Must(!why.empty() && why == second.error(), "a refusal says why");
  Must(std::ranges::none_of(why, [](char c) { return static_cast<unsigned char>(c) < 0x20; }), "in one line");
  return std::nullopt;
}

void CheckPrice(const stripe::Price& price, std::optional<std::int64_t> quantity) {
  MustBeAnAmount(price.unit_amount, price.currency);
  if (price.unit_amount_decimal) billing::MultiplyDecimal(*price.unit_amount_decimal, quantity.value_or(1));
  if (!price.unit_amount) return;
  const std::int64_t factor = quantity.value_or(1);
  if (factor == INT64_MIN || *price.unit_amount == INT64_MIN) return;
  const auto total = billing::MultiplyDecimal(std::to_string(*price.unit_amount), factor);
  std::int64_t product = 0;
  const bool overflows = __builtin_mul_overflow(*price.unit_amount, factor, &product);
  if (total) Must(!overflows && *total == product, "a whole price times a quantity is their product");
  const bool in_range =
      std::max(factor, -factor) < kMostPieces && std::max(*price.unit_amount, -*price.unit_amount) < kDearest;
  if (!overflows && in_range) Must(total.has_value(), "and is there if it fits");
}

void CheckSubscription(stripe::JsonValue object) {
  const auto subscription = Decoded(stripe::DecodeSubscription, object);
  if (!subscription) return;
  Must(!subscription->id.empty(), "a subscription has an id");
  for (const auto& item : subscription->items) {
    CheckPrice(item.price, item.quantity);
    MustBeATime(item.period_start);
    MustBeATime(item.period_end);
  }
  for (const auto& at : {subscription->created, subscription->period_start, subscription->period_end,
                         subscription->cancel_at, subscription->canceled_at, subscription->ended_at}) {
    MustBeATime(at);
  }
}

void CheckInvoice(stripe::JsonValue object) {
  const auto invoice = Decoded(stripe::DecodeInvoice, object);
  if (!invoice) return;
  for (const auto& amount : {invoice->total, invoice->amount_due, invoice->amount_paid, invoice->amount_remaining}) {
    MustBeAnAmount(amount, invoice->currency);
  }
  for (const auto& at : {invoice->created, invoice->due_date, invoice->finalized_at, invoice->paid_at,
                         invoice->voided_at, invoice->service_period_start, invoice->service_period_end}) {
    MustBeATime(at);
  }
}

}  // namespace

void Decode(std::string_view input) {
  const auto document = stripe::JsonDocument::Parse(input);
  if (!document) return;
  const auto of_event = document->Root().Find("data").Find("object");
  const auto object = of_event.IsMissing() ? document->Root() : of_event;
  CheckSubscription(object);
  CheckInvoice(object);
  Decoded(stripe::DecodeCustomer, object);
  Decoded(stripe::DecodeCheckoutSession, object);
  Decoded(stripe::DecodeCharge, object);
  Decoded(stripe::DecodePaymentIntent, object);
  Decoded(stripe::DecodeInvoicePayment, object);
  Decoded(stripe::DecodeRefund, object);
  Decoded(stripe::DecodeCreditNote, object);
  Decoded(stripe::DecodeCatalogPrice, object);
  Decoded(stripe::DecodeProduct, object);
  Decoded(stripe::DecodeSubscriptionSchedule, object);
  Decoded(stripe::DecodeDiscount, object);
  Decoded(stripe::DecodeActiveEntitlements, object);
}

}  // namespace billsync::fuzz
