#include "essential.h"

namespace billsync::stripe {
namespace {

std::vector<std::string> AllIds(std::span<const StoredEvent> events) {
  std::vector<std::string> ids;
  for (const auto& event : events) ids.push_back(event.id);
  return ids;
}

}  // namespace

std::vector<std::string> EssentialEvents(EventUse use, std::span<const StoredEvent> events, Instant now) {
  switch (use) {
    case EventUse::kSubscription:
      return EssentialOfSubscription(events, now);
    case EventUse::kInvoice:
      return EssentialOfInvoice(events, now);
    case EventUse::kCustomer:
      return EssentialOfCustomer(events, now);
    case EventUse::kPrice:
    case EventUse::kProduct:
    case EventUse::kSchedule:
    case EventUse::kCharge:
    case EventUse::kPaymentIntent:
    case EventUse::kInvoicePayment:
    case EventUse::kRefund:
    case EventUse::kCreditNote:
    case EventUse::kDiscount:
    case EventUse::kActiveEntitlements:
    case EventUse::kCheckoutSession:
    case EventUse::kIgnored:
      return AllIds(events);
  }
  throw std::logic_error("unknown EventUse");
}

}  // namespace billsync::stripe
