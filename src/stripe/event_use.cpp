#include "billsync/stripe/event_use.h"

#include <algorithm>
#include <array>

namespace billsync::stripe {
namespace {

constexpr std::array<std::string_view, 3> kCustomerVerbs{"created", "updated", "deleted"};
constexpr std::array<std::string_view, 8> kSubscriptionVerbs{"created",
                                                             "updated",
                                                             "deleted",
                                                             "paused",
                                                             "resumed",
                                                             "trial_will_end",
                                                             "pending_update_applied",
                                                             "pending_update_expired"};
constexpr std::array<std::string_view, 16> kInvoiceVerbs{"created",
                                                         "updated",
                                                         "finalized",
                                                         "paid",
                                                         "payment_failed",
                                                         "finalization_failed",
                                                         "sent",
                                                         "voided",
                                                         "payment_succeeded",
                                                         "deleted",
                                                         "overdue",
                                                         "payment_action_required",
                                                         "overpaid",
                                                         "will_be_due",
                                                         "payment_attempt_required",
                                                         "marked_uncollectible"};
constexpr std::array<std::string_view, 4> kCheckoutVerbs{"completed", "expired", "async_payment_succeeded",
                                                         "async_payment_failed"};

template <size_t N>
bool IsVerbOf(std::string_view type, std::string_view prefix, const std::array<std::string_view, N>& verbs) {
  if (!type.starts_with(prefix)) return false;
  return std::find(verbs.begin(), verbs.end(), type.substr(prefix.size())) != verbs.end();
}

EventUse UseOfRead(std::string_view object_type) {
  if (object_type == "subscription") return EventUse::kSubscription;
  if (object_type == "invoice") return EventUse::kInvoice;
  if (object_type == "customer") return EventUse::kCustomer;
  if (object_type == "checkout.session") return EventUse::kCheckoutSession;
  return EventUse::kIgnored;
}

}  // namespace

EventUse UseOf(std::string_view type, std::string_view object_type) {
  if (type == kApiReadType) return UseOfRead(object_type);
  if (IsVerbOf(type, "customer.subscription.", kSubscriptionVerbs)) return EventUse::kSubscription;
  if (IsVerbOf(type, "invoice.", kInvoiceVerbs)) return EventUse::kInvoice;
  if (IsVerbOf(type, "customer.", kCustomerVerbs)) return EventUse::kCustomer;
  if (IsVerbOf(type, "checkout.session.", kCheckoutVerbs)) return EventUse::kCheckoutSession;
  return EventUse::kIgnored;
}

}  // namespace billsync::stripe
