#include "essential.h"

#include <stdexcept>

#include "fold_fingerprint.h"

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
      return EssentialOfPrice(events, now);
    case EventUse::kProduct:
      return EssentialOfProduct(events, now);
    case EventUse::kSchedule:
      return EssentialOfSchedule(events, now);
    case EventUse::kCharge:
      return EssentialOfCharge(events, now);
    case EventUse::kPaymentIntent:
      return EssentialOfPaymentIntent(events, now);
    case EventUse::kInvoicePayment:
      return EssentialOfInvoicePayment(events, now);
    case EventUse::kRefund:
      return EssentialOfRefund(events, now);
    case EventUse::kCreditNote:
      return EssentialOfCreditNote(events, now);
    case EventUse::kDiscount:
      return EssentialOfDiscount(events, now);
    case EventUse::kActiveEntitlements:
      return EssentialOfActiveEntitlements(events, now);
    case EventUse::kCheckoutSession:
    case EventUse::kIgnored:
      return AllIds(events);
  }
  throw std::logic_error("unknown EventUse");
}

std::string_view FoldFingerprint() {
  return kFoldFingerprint;
}

}  // namespace billsync::stripe
