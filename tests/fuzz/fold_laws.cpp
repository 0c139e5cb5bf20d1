#include "fuzz/fold_laws.h"

#include <algorithm>
#include <random>

#include "billsync/stripe/event_use.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

using stripe::EventUse;
using stripe::StoredEvent;
using Events = std::vector<StoredEvent>;

constexpr size_t kOrdersTried = 4;

template <typename F>
using Fold = stripe::FoldResult<F> (*)(std::span<const StoredEvent>);

template <typename F>
void MustTellAll(const stripe::FoldResult<F>& folded, const Events& events) {
  const size_t unreadable = folded ? folded->unreadable.size() : folded.error().size();
  Must(unreadable <= events.size(), "no event is unreadable twice");
  for (const auto& one : folded ? folded->unreadable : folded.error()) Must(!one.what.empty(), "and each says why");
  if (!folded) return;
  Must(!folded->order.empty(), "what is folded has an order");
  Must(folded->order.size() + unreadable + folded->ignored.size() == events.size(), "every event is accounted for");
  for (const auto& origin : folded->origins) {
    Must(std::ranges::any_of(folded->order, [&](const auto& one) { return one.event_id == origin.event_id; }),
         "a value comes from an event of the order");
  }
}

template <typename F>
void MustNotDependOnOrder(Fold<F> fold, const stripe::FoldResult<F>& folded, Events events) {
  std::minstd_rand random(static_cast<unsigned>(events.size()));
  const size_t originals = events.size();
  for (size_t i = 0; i < kOrdersTried; ++i) {
    if (i % 2 == 1) events.push_back(events[random() % originals]);
    std::ranges::reverse(events);
    if (i > 1) std::ranges::shuffle(events, random);
    const auto again = fold(events);
    Must(again.has_value() == folded.has_value(), "whether a set can be folded does not depend on its order");
    if (folded) Must(*again == *folded, "what it is folded to does not depend on its order");
    if (!folded) Must(again.error() == folded.error(), "nor does why not");
  }
}

// A set with one event less: what it knew for certain, the whole set knows too.
template <typename F>
void MustOnlyEverEnd(Fold<F> fold, const stripe::FoldResult<F>& folded, Events events) {
  if (events.size() < 2) return;
  events.pop_back();
  const auto before = fold(events);
  // Of another object: which one the set is about, its smallest event id decides.
  if (!before || !folded || before->order.size() + 1 != folded->order.size()) return;
  Must(folded->deleted || !before->deleted, "what is deleted stays deleted");
}

template <typename F>
void Check(Fold<F> fold, const Events& events) {
  const auto folded = fold(events);
  MustTellAll<F>(folded, events);
  MustNotDependOnOrder<F>(fold, folded, events);
  MustOnlyEverEnd<F>(fold, folded, events);
}

}  // namespace

void CheckFoldLaws(EventUse use, const Events& events) {
  switch (use) {
    case EventUse::kSubscription:
      return Check<stripe::FoldedSubscription>(stripe::FoldSubscription, events);
    case EventUse::kInvoice:
      return Check<stripe::FoldedInvoice>(stripe::FoldInvoice, events);
    case EventUse::kCustomer:
      return Check<stripe::FoldedCustomer>(stripe::FoldCustomer, events);
    case EventUse::kPrice:
      return Check<stripe::Folded<stripe::CatalogPrice>>(stripe::FoldPrice, events);
    case EventUse::kProduct:
      return Check<stripe::Folded<stripe::Product>>(stripe::FoldProduct, events);
    case EventUse::kSchedule:
      return Check<stripe::Folded<stripe::SubscriptionSchedule>>(stripe::FoldSchedule, events);
    case EventUse::kCharge:
      return Check<stripe::Folded<stripe::Charge>>(stripe::FoldCharge, events);
    case EventUse::kPaymentIntent:
      return Check<stripe::Folded<stripe::PaymentIntent>>(stripe::FoldPaymentIntent, events);
    case EventUse::kInvoicePayment:
      return Check<stripe::Folded<stripe::InvoicePayment>>(stripe::FoldInvoicePayment, events);
    case EventUse::kRefund:
      return Check<stripe::Folded<stripe::Refund>>(stripe::FoldRefund, events);
    case EventUse::kCreditNote:
      return Check<stripe::Folded<stripe::CreditNote>>(stripe::FoldCreditNote, events);
    case EventUse::kDiscount:
      return Check<stripe::Folded<stripe::Discount>>(stripe::FoldDiscount, events);
    case EventUse::kActiveEntitlements:
      return Check<stripe::Folded<stripe::ActiveEntitlements>>(stripe::FoldActiveEntitlements, events);
    case EventUse::kCheckoutSession:
    case EventUse::kIgnored:
      return;
  }
}

}  // namespace billsync::fuzz
