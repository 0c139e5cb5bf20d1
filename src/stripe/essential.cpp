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

std::vector<std::string> EssentialEvents(EventUse use, std::span<const StoredEvent> events) {
  switch (use) {
    case EventUse::kSubscription:
      return EssentialOfSubscription(events);
    case EventUse::kInvoice:
      return EssentialOfInvoice(events);
    case EventUse::kCustomer:
      return EssentialOfCustomer(events);
    case EventUse::kPrice:
      return EssentialOfPrice(events);
    case EventUse::kProduct:
      return EssentialOfProduct(events);
    case EventUse::kSchedule:
      return EssentialOfSchedule(events);
    case EventUse::kCharge:
      return EssentialOfCharge(events);
    case EventUse::kPaymentIntent:
      return EssentialOfPaymentIntent(events);
    case EventUse::kInvoicePayment:
      return EssentialOfInvoicePayment(events);
    case EventUse::kRefund:
      return EssentialOfRefund(events);
    case EventUse::kCreditNote:
      return EssentialOfCreditNote(events);
    case EventUse::kDiscount:
      return EssentialOfDiscount(events);
    case EventUse::kActiveEntitlements:
      return EssentialOfActiveEntitlements(events);
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
