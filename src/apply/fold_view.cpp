#include "fold_view.h"

#include <algorithm>
#include <stdexcept>

#include "row_values.h"

namespace billsync::apply {
namespace {

using stripe::EventUse;

template <typename F>
FoldView View(stripe::FoldResult<F> fold) {
  FoldView view;
  if (!fold) {
    view.unreadable = std::move(fold.error());
    return view;
  }
  for (const auto& one : fold->order) view.order.push_back({one.event_id, one.above_previous});
  view.values = RowValues(*fold);
  view.origins = std::move(fold->origins);
  view.unreadable = std::move(fold->unreadable);
  view.ignored = std::move(fold->ignored);
  view.deleted = fold->deleted;
  view.needs_refetch = fold->needs_refetch;
  return view;
}

// The row tells since when; the event that began it is its origin.
FoldView ViewOfSubscription(std::span<const stripe::StoredEvent> events) {
  auto fold = stripe::FoldSubscription(events);
  if (!fold || !fold->past_due_since) return View(std::move(fold));
  const auto begin = std::ranges::find_if(fold->order, [&](const auto& one) {
    return one.snapshot.status == "past_due" && one.created == *fold->past_due_since;
  });
  if (begin != fold->order.end()) fold->origins.push_back({"past_due_since", begin->event_id});
  return View(std::move(fold));
}

// An invoice that does not say when it was made was issued when its first event was.
FoldView ViewOfInvoice(std::span<const stripe::StoredEvent> events) {
  auto fold = stripe::FoldInvoice(events);
  if (fold && !fold->current.created) fold->origins.push_back({"created", fold->order.front().event_id});
  return View(std::move(fold));
}

}  // namespace

const std::string& FoldView::SourceOf(std::string_view member) const {
  const auto found = std::ranges::find(origins, member, &stripe::ValueOrigin::column);
  return found == origins.end() ? order.back().event_id : found->event_id;
}

FoldView ViewOf(EventUse use, std::span<const stripe::StoredEvent> events) {
  switch (use) {
    case EventUse::kSubscription:
      return ViewOfSubscription(events);
    case EventUse::kInvoice:
      return ViewOfInvoice(events);
    case EventUse::kCustomer:
      return View(stripe::FoldCustomer(events));
    case EventUse::kPrice:
      return View(stripe::FoldPrice(events));
    case EventUse::kProduct:
      return View(stripe::FoldProduct(events));
    case EventUse::kSchedule:
      return View(stripe::FoldSchedule(events));
    case EventUse::kCharge:
      return View(stripe::FoldCharge(events));
    case EventUse::kPaymentIntent:
      return View(stripe::FoldPaymentIntent(events));
    case EventUse::kInvoicePayment:
      return View(stripe::FoldInvoicePayment(events));
    case EventUse::kRefund:
      return View(stripe::FoldRefund(events));
    case EventUse::kCreditNote:
      return View(stripe::FoldCreditNote(events));
    case EventUse::kDiscount:
      return View(stripe::FoldDiscount(events));
    case EventUse::kActiveEntitlements:
      return View(stripe::FoldActiveEntitlements(events));
    case EventUse::kCheckoutSession:  // names a user; no row is made of it
    case EventUse::kIgnored:
      return {};
  }
  throw std::logic_error("unknown EventUse");
}

std::string_view KindName(EventUse use) {
  switch (use) {
    case EventUse::kSubscription:
      return "subscription";
    case EventUse::kInvoice:
      return "invoice";
    case EventUse::kCustomer:
      return "customer";
    case EventUse::kCheckoutSession:
      return "checkout session";
    case EventUse::kPrice:
      return "price";
    case EventUse::kProduct:
      return "product";
    case EventUse::kSchedule:
      return "subscription schedule";
    case EventUse::kCharge:
      return "charge";
    case EventUse::kPaymentIntent:
      return "payment intent";
    case EventUse::kInvoicePayment:
      return "invoice payment";
    case EventUse::kRefund:
      return "refund";
    case EventUse::kCreditNote:
      return "credit note";
    case EventUse::kDiscount:
      return "discount";
    case EventUse::kActiveEntitlements:
      return "active entitlements";
    case EventUse::kIgnored:
      return "unknown";
  }
  throw std::logic_error("unknown EventUse");
}

}  // namespace billsync::apply
