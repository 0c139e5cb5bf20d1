#include "billsync/stripe/event_use.h"

#include <algorithm>
#include <array>

namespace billsync::stripe {
namespace {

struct Row {
  std::string_view name;
  EventUse use;
};

// In byte order, for the search.
constexpr auto kUseOfType = std::to_array<Row>({
    {"charge.captured", EventUse::kCharge},
    {"charge.expired", EventUse::kCharge},
    {"charge.failed", EventUse::kCharge},
    {"charge.pending", EventUse::kCharge},
    {"charge.refund.updated", EventUse::kRefund},
    {"charge.refunded", EventUse::kCharge},
    {"charge.succeeded", EventUse::kCharge},
    {"charge.updated", EventUse::kCharge},
    {"checkout.session.async_payment_failed", EventUse::kCheckoutSession},
    {"checkout.session.async_payment_succeeded", EventUse::kCheckoutSession},
    {"checkout.session.completed", EventUse::kCheckoutSession},
    {"checkout.session.expired", EventUse::kCheckoutSession},
    {"credit_note.created", EventUse::kCreditNote},
    {"credit_note.updated", EventUse::kCreditNote},
    {"credit_note.voided", EventUse::kCreditNote},
    {"customer.created", EventUse::kCustomer},
    {"customer.deleted", EventUse::kCustomer},
    {"customer.discount.created", EventUse::kDiscount},
    {"customer.discount.deleted", EventUse::kDiscount},
    {"customer.discount.updated", EventUse::kDiscount},
    {"customer.subscription.created", EventUse::kSubscription},
    {"customer.subscription.deleted", EventUse::kSubscription},
    {"customer.subscription.paused", EventUse::kSubscription},
    {"customer.subscription.pending_update_applied", EventUse::kSubscription},
    {"customer.subscription.pending_update_expired", EventUse::kSubscription},
    {"customer.subscription.resumed", EventUse::kSubscription},
    {"customer.subscription.trial_will_end", EventUse::kSubscription},
    {"customer.subscription.updated", EventUse::kSubscription},
    {"customer.updated", EventUse::kCustomer},
    {"entitlements.active_entitlement_summary.updated", EventUse::kActiveEntitlements},
    {"invoice.created", EventUse::kInvoice},
    {"invoice.deleted", EventUse::kInvoice},
    {"invoice.finalization_failed", EventUse::kInvoice},
    {"invoice.finalized", EventUse::kInvoice},
    {"invoice.marked_uncollectible", EventUse::kInvoice},
    {"invoice.overdue", EventUse::kInvoice},
    {"invoice.overpaid", EventUse::kInvoice},
    {"invoice.paid", EventUse::kInvoice},
    {"invoice.payment_action_required", EventUse::kInvoice},
    {"invoice.payment_attempt_required", EventUse::kInvoice},
    {"invoice.payment_failed", EventUse::kInvoice},
    {"invoice.payment_succeeded", EventUse::kInvoice},
    {"invoice.sent", EventUse::kInvoice},
    {"invoice.updated", EventUse::kInvoice},
    {"invoice.voided", EventUse::kInvoice},
    {"invoice.will_be_due", EventUse::kInvoice},
    {"invoice_payment.paid", EventUse::kInvoicePayment},
    {"payment_intent.amount_capturable_updated", EventUse::kPaymentIntent},
    {"payment_intent.canceled", EventUse::kPaymentIntent},
    {"payment_intent.created", EventUse::kPaymentIntent},
    {"payment_intent.partially_funded", EventUse::kPaymentIntent},
    {"payment_intent.payment_failed", EventUse::kPaymentIntent},
    {"payment_intent.processing", EventUse::kPaymentIntent},
    {"payment_intent.requires_action", EventUse::kPaymentIntent},
    {"payment_intent.succeeded", EventUse::kPaymentIntent},
    {"price.created", EventUse::kPrice},
    {"price.deleted", EventUse::kPrice},
    {"price.updated", EventUse::kPrice},
    {"product.created", EventUse::kProduct},
    {"product.deleted", EventUse::kProduct},
    {"product.updated", EventUse::kProduct},
    {"refund.created", EventUse::kRefund},
    {"refund.failed", EventUse::kRefund},
    {"refund.updated", EventUse::kRefund},
    {"subscription_schedule.aborted", EventUse::kSchedule},
    {"subscription_schedule.canceled", EventUse::kSchedule},
    {"subscription_schedule.completed", EventUse::kSchedule},
    {"subscription_schedule.created", EventUse::kSchedule},
    {"subscription_schedule.expiring", EventUse::kSchedule},
    {"subscription_schedule.released", EventUse::kSchedule},
    {"subscription_schedule.updated", EventUse::kSchedule},
});

constexpr auto kUseOfObject = std::to_array<Row>({
    {"charge", EventUse::kCharge},
    {"checkout.session", EventUse::kCheckoutSession},
    {"credit_note", EventUse::kCreditNote},
    {"customer", EventUse::kCustomer},
    {"discount", EventUse::kDiscount},
    {"entitlements.active_entitlement_summary", EventUse::kActiveEntitlements},
    {"invoice", EventUse::kInvoice},
    {"invoice_payment", EventUse::kInvoicePayment},
    {"payment_intent", EventUse::kPaymentIntent},
    {"price", EventUse::kPrice},
    {"product", EventUse::kProduct},
    {"refund", EventUse::kRefund},
    {"subscription", EventUse::kSubscription},
    {"subscription_schedule", EventUse::kSchedule},
});

static_assert(std::ranges::is_sorted(kUseOfType, {}, &Row::name));
static_assert(std::ranges::is_sorted(kUseOfObject, {}, &Row::name));

template <size_t N>
EventUse Find(const std::array<Row, N>& rows, std::string_view name) {
  const auto found = std::ranges::lower_bound(rows, name, {}, &Row::name);
  return found != rows.end() && found->name == name ? found->use : EventUse::kIgnored;
}

}  // namespace

EventUse UseOf(std::string_view type, std::string_view object_type) {
  return type == kApiReadType ? Find(kUseOfObject, object_type) : Find(kUseOfType, type);
}

std::vector<std::string_view> ReadTypes() {
  std::vector<std::string_view> types;
  for (const Row& row : kUseOfType) types.push_back(row.name);
  return types;
}

std::string_view ObjectTypeOf(EventUse use) {
  const auto found = std::ranges::find(kUseOfObject, use, &Row::use);
  return found == kUseOfObject.end() ? std::string_view() : found->name;
}

}  // namespace billsync::stripe
