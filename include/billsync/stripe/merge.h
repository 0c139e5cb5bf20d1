// The fold: from everything known about one Stripe object to the one row it means.
//
// A fold is a pure function of the SET it is given: neither the order nor the repetition of its input changes the
// result. Input is every stored event about the object, and optionally what API reads returned.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/stripe/active_entitlements.h"
#include "billsync/stripe/catalog.h"
#include "billsync/stripe/customer.h"
#include "billsync/stripe/discount.h"
#include "billsync/stripe/event_use.h"
#include "billsync/stripe/invoice.h"
#include "billsync/stripe/payment.h"
#include "billsync/stripe/subscription.h"
#include "billsync/stripe/subscription_schedule.h"

namespace billsync::stripe {

// One stored event: its payload is the body Stripe sent. Or one API read: type kApiReadType (event_use.h), an id of the
// caller's that is unique among reads, `created` the time the request started, payload the object as Stripe answered
// it, without an envelope. A read outranks every event of earlier seconds and none of its own second.
struct StoredEvent {
  std::string id;
  std::string type;
  Instant created;
  std::string payload;
};

// What put one snapshot above another, strongest first (stable codes by Code()).
enum class OrderRule {
  kFirst = 0,          // nothing is below it
  kTerminal = 1,       // it shows a final state, the one below does not
  kNotCreation = 2,    // the one below is the *.created event: always the earliest
  kStatusRank = 3,     // its status cannot come before the other's
  kTime = 4,           // a later second
  kEventOverRead = 5,  // same second, and the one below is an API read
  kChain = 6,          // same second; previous_attributes tell
  kProgress = 7,       // same second; amounts, attempts or the period have moved on
  kEventId = 8,        // same second; nothing tells, the id decides so that everyone decides alike
};

// first, terminal, not_creation, status_rank, time, event_over_read, chain, progress, event_id.
std::string_view Code(OrderRule rule);

// One snapshot at its place in the order.
template <typename T>
struct Ordered {
  std::string event_id;
  std::string type;
  Instant created;
  OrderRule above_previous = OrderRule::kFirst;
  T snapshot;

  bool operator==(const Ordered&) const = default;
};

// An event that should be about the object but cannot be read.
struct UnreadableEvent {
  std::string id;
  std::string what;  // names the path, never a value

  bool operator==(const UnreadableEvent&) const = default;
};

// A value of `current` that another event than the winner has set.
struct ValueOrigin {
  std::string column;  // the member's name
  std::string event_id;

  bool operator==(const ValueOrigin&) const = default;
};

// What every fold tells. `order` is never empty.
template <typename T>
struct Folded {
  // What the row is: the winner's snapshot, with values that only ever become known (and columns the winner's API
  // version leaves out) taken from the newest event that has them.
  T current;
  std::vector<Ordered<T>> order;     // oldest → newest; back() is the winner
  std::vector<ValueOrigin> origins;  // values of `current` that are not the winner's own
  // Stripe has removed the object (customer, price, product, discount, draft invoice), or it is over for good (canceled
  // subscription, ended schedule). Never comes undone.
  bool deleted = false;
  // What Stripe answers when asked would settle it: only the id put the winner above an equal that shows something
  // else, or the events contradict themselves, or do not show all of the object.
  bool needs_refetch = false;
  std::vector<UnreadableEvent> unreadable;
  std::vector<std::string> ignored;  // ids of events of other types

  bool operator==(const Folded&) const = default;
};

struct FoldedSubscription : Folded<Subscription> {
  // Since when the subscription has been past_due without a break; none unless it is past_due now.
  std::optional<Instant> past_due_since;
  // Stripe listed only part of the items. `current.items` has the others from older snapshots: one that was removed
  // since may still be among them, and one that was never listed is not.
  bool items_incomplete = false;

  bool operator==(const FoldedSubscription&) const = default;
};

struct FoldedInvoice : Folded<Invoice> {
  bool operator==(const FoldedInvoice&) const = default;
};

struct FoldedCustomer : Folded<Customer> {
  bool operator==(const FoldedCustomer&) const = default;
};

// When no event of the set could be used: why not, per event; empty if all were of other types.
template <typename F>
using FoldResult = tl::expected<F, std::vector<UnreadableEvent>>;

// All events must be about one object; one about another is reported as unreadable. Never throws on any payload. Cost
// grows with n log n, and with n² among up to some hundred events of one second. Any thread.
FoldResult<FoldedSubscription> FoldSubscription(std::span<const StoredEvent> events);
FoldResult<FoldedInvoice> FoldInvoice(std::span<const StoredEvent> events);
FoldResult<FoldedCustomer> FoldCustomer(std::span<const StoredEvent> events);
FoldResult<Folded<CatalogPrice>> FoldPrice(std::span<const StoredEvent> events);
FoldResult<Folded<Product>> FoldProduct(std::span<const StoredEvent> events);
FoldResult<Folded<SubscriptionSchedule>> FoldSchedule(std::span<const StoredEvent> events);
FoldResult<Folded<Charge>> FoldCharge(std::span<const StoredEvent> events);
FoldResult<Folded<PaymentIntent>> FoldPaymentIntent(std::span<const StoredEvent> events);
FoldResult<Folded<InvoicePayment>> FoldInvoicePayment(std::span<const StoredEvent> events);
FoldResult<Folded<Refund>> FoldRefund(std::span<const StoredEvent> events);
FoldResult<Folded<CreditNote>> FoldCreditNote(std::span<const StoredEvent> events);
FoldResult<Folded<Discount>> FoldDiscount(std::span<const StoredEvent> events);
FoldResult<Folded<ActiveEntitlements>> FoldActiveEntitlements(std::span<const StoredEvent> events);

// The ids of those of an object's `events` that must be kept so that nothing changes whatever comes later. For E of the
// essential ones, X any of the others, and N any events of later seconds than all of `events`:
//
//   fold(E ∪ X ∪ N) = fold(events ∪ N)  in everything but `order`, `unreadable` and `ignored`.
//
// `order` keeps its first and last entry. Also kept is what is asked of `order` later, with a plan map, a catalog and a
// clock that the fold does not know: of subscriptions the newest entry of each list of prices, of each that was paid
// for a period that ends after the last entry and of each of its invoices, of each that was not paid, and of each
// schedule, and the earliest of each list of prices with each invoice whose period ends after the last entry; of
// subscriptions and customers the earliest entry of each metadata.user_id; of prices the newest entry of each lookup
// key; of schedules that of each subscription; of entitlement summaries that of each feature; of credit notes the
// earliest entry, and the earliest of each status. Who asks `order` for more must have it kept: see Rules::marks in
// fold.h.
//
// The essential events of E ∪ X ∪ N are those of events ∪ N, so a long life can be gone through in pieces, oldest
// first, cut between seconds. For a use that has no fold all ids are essential. Never throws on any payload. Any
// thread.
std::vector<std::string> EssentialEvents(EventUse use, std::span<const StoredEvent> events);

// Of the code that folds: whatever was thinned out by code of another fingerprint may lack what this code needs.
std::string_view FoldFingerprint();

}  // namespace billsync::stripe
