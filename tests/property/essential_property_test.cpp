// What an object's old events can be thinned out to without changing anything that comes later.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "billsync/billing/held_tier.h"
#include "billsync/stripe/merge.h"
#include "told.h"
#include "unit/stripe/event_text.h"

namespace billsync::stripe {
namespace {

using Events = std::vector<StoredEvent>;

Events Joined(Events a, const Events& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Those stamped up to `second` and the later ones.
std::pair<Events, Events> Cut(const Events& events, Instant second) {
  std::pair<Events, Events> parts;
  for (const auto& event : events) (event.created <= second ? parts.first : parts.second).push_back(event);
  return parts;
}

Events AnyOf(const Events& events) {
  const int one_in = *rc::gen::element(1, 2, 5, 1000);
  Events chosen;
  for (const auto& event : events) {
    if (*rc::gen::inRange(0, one_in) == 0) chosen.push_back(event);
  }
  return chosen;
}

Instant AnySecondOf(const Events& events) {
  return events[*rc::gen::inRange<size_t>(0, events.size())].created;
}

Events Essential(EventUse use, const Events& events) {
  const auto ids = EssentialEvents(use, events);
  const std::set<std::string> kept(ids.begin(), ids.end());
  Events essential;
  for (const auto& event : events) {
    if (kept.contains(event.id)) essential.push_back(event);
  }
  return essential;
}

std::set<std::string> Ids(const Events& events) {
  std::set<std::string> ids;
  for (const auto& event : events) ids.insert(event.id);
  return ids;
}

// What the law promises nothing about.
template <typename F>
F WithoutOrder(F folded) {
  folded.order.erase(folded.order.begin() + 1, folded.order.end() - (folded.order.size() > 1 ? 1 : 0));
  for (auto& one : folded.order) one.above_previous = OrderRule::kFirst;
  folded.unreadable.clear();
  folded.ignored.clear();
  return folded;
}

void ExpectSame(const FoldedSubscription& thin, const FoldedSubscription& full) {
  RC_ASSERT(thin.current.items == full.current.items);
  RC_ASSERT(thin.origins == full.origins);
  RC_ASSERT(WithoutOrder(thin) == WithoutOrder(full));
}
void ExpectSame(const auto& thin, const auto& full) {
  RC_ASSERT(WithoutOrder(thin) == WithoutOrder(full));
}

// Any events before, any after, thinned out up to some second and again up to a later one.
void CheckLaw(EventUse use, const Events& events, auto fold) {
  const auto [first, later] = Cut(events, AnySecondOf(events));
  const auto thin = Joined(Essential(use, first), AnyOf(first));
  const auto full_fold = fold(Joined(first, later));
  RC_ASSERT(full_fold.has_value());
  ExpectSame(*fold(Shuffled(Joined(thin, later))), *full_fold);
  if (later.empty()) return;
  const auto [second, latest] = Cut(later, AnySecondOf(later));
  const auto again = Essential(use, Joined(thin, second));
  RC_ASSERT(Ids(again) == Ids(Essential(use, Joined(first, second))));
  const auto any = AnyOf(Joined(first, second));
  ExpectSame(*fold(Shuffled(Joined(Joined(again, any), latest))), *full_fold);
}

RC_GTEST_PROP(EssentialEvents, DecideAChaoticSubscriptionForEver, ()) {
  CheckLaw(EventUse::kSubscription, SubscriptionChaos(30), [](const Events& e) { return FoldSubscription(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideAChaoticInvoiceForEver, ()) {
  CheckLaw(EventUse::kInvoice, InvoiceChaos(30), [](const Events& e) { return FoldInvoice(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideAChaoticCustomerForEver, ()) {
  CheckLaw(EventUse::kCustomer, CustomerChaos(30), [](const Events& e) { return FoldCustomer(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideALivedSubscriptionForEver, ()) {
  CheckLaw(EventUse::kSubscription, SubscriptionLife(true).events, [](const Events& e) { return FoldSubscription(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideALivedInvoiceForEver, ()) {
  CheckLaw(EventUse::kInvoice, InvoiceLife(true).events, [](const Events& e) { return FoldInvoice(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideALivedCustomerForEver, ()) {
  CheckLaw(EventUse::kCustomer, CustomerLife().events, [](const Events& e) { return FoldCustomer(e); });
}

RC_GTEST_PROP(EssentialEvents, DecideEveryOtherKindOfObjectForEver, ()) {
  const auto check = [](const char* type, auto fold) { CheckLaw(UseOf(kApiReadType, type), ChaosOf(type, 15), fold); };
  check("price", [](const Events& e) { return FoldPrice(e); });
  check("product", [](const Events& e) { return FoldProduct(e); });
  check("subscription_schedule", [](const Events& e) { return FoldSchedule(e); });
  check("charge", [](const Events& e) { return FoldCharge(e); });
  check("payment_intent", [](const Events& e) { return FoldPaymentIntent(e); });
  check("invoice_payment", [](const Events& e) { return FoldInvoicePayment(e); });
  check("refund", [](const Events& e) { return FoldRefund(e); });
  check("credit_note", [](const Events& e) { return FoldCreditNote(e); });
  check("discount", [](const Events& e) { return FoldDiscount(e); });
  check("entitlements.active_entitlement_summary", [](const Events& e) { return FoldActiveEntitlements(e); });
}

// A plan map: what each price means, none for one it does not know.
using Plans = std::map<std::string, int>;

Plans AnyPlans() {
  Plans plans;
  for (const char* price : {"price_1", "price_2", "price_3", "plan_1"}) {
    if (*rc::gen::inRange(0, 4) > 0) plans[price] = *rc::gen::inRange(1, 4);
  }
  return plans;
}

std::optional<int> TierOf(const Subscription& subscription, const Plans& plans) {
  std::optional<int> highest;
  for (const auto& item : subscription.items) {
    const auto found = plans.find(item.price.id);
    if (found == plans.end()) return std::nullopt;
    highest = std::max(highest.value_or(0), found->second);
  }
  return subscription.items_truncated ? std::nullopt : highest;
}

// The newest snapshot whose prices are all mapped.
std::string NewestMapped(const FoldedSubscription& folded, const Plans& plans) {
  const auto at = std::find_if(folded.order.rbegin(), folded.order.rend(),
                               [&](const auto& one) { return TierOf(one.snapshot, plans).has_value(); });
  return at == folded.order.rend() ? "" : at->event_id;
}

billing::KnownInvoices AnyInvoices() {
  billing::KnownInvoices invoices;
  for (const char* id : {"in_1", "in_2", "in_3"}) {
    if (*rc::gen::inRange(0, 3) == 0) continue;
    invoices[id].paid = *rc::gen::inRange(0, 4) > 0;
    if (*rc::gen::arbitrary<bool>()) invoices[id].finalized_at = At(*rc::gen::inRange(0, 14));
  }
  return invoices;
}

// The tier that is held when the present period began at `began` and what is bought now is free.
std::optional<billing::HeldTier> HeldTier(const FoldedSubscription& folded, const Plans& plans, Instant began,
                                          const billing::KnownInvoices& invoices) {
  std::vector<billing::BoughtTier> history;
  for (const auto& one : folded.order) {
    const auto& s = one.snapshot;
    billing::BoughtTier bought{one.created, std::nullopt, s.status, s.pause_collection.has_value()};
    bought.invoice = s.latest_invoice;
    const auto tier = TierOf(s, plans);
    if (tier) bought.tier = static_cast<billing::Tier>(*tier - 1);
    for (const auto& item : s.items) bought.period_end = std::max(bought.period_end, item.period_end);
    history.push_back(bought);
  }
  return billing::FindHeldTier(history, billing::Tier::kFree, {began, At(1000)}, invoices);
}

// Who was named first, by stamp and id, for each name.
template <typename F>
std::map<std::string, std::pair<Instant, std::string>> NamedFirst(const F& folded) {
  std::map<std::string, std::pair<Instant, std::string>> named;
  for (const auto& one : folded.order) {
    const auto user = one.snapshot.metadata.find("user_id");
    if (user == one.snapshot.metadata.end()) continue;
    const std::pair here(one.created, one.event_id);
    auto& first = named.try_emplace(user->second, here).first->second;
    first = std::min(first, here);
  }
  return named;
}

// Lookup keys in the order in which they were last seen, newest first.
std::vector<std::string> LookupKeys(const Folded<CatalogPrice>& folded) {
  std::vector<std::string> keys;
  for (auto at = folded.order.rbegin(); at != folded.order.rend(); ++at) {
    const auto& key = at->snapshot.price.lookup_key;
    if (key && std::ranges::find(keys, *key) == keys.end()) keys.push_back(*key);
  }
  return keys;
}

Events Thin(EventUse use, const Events& events) {
  const auto [first, later] = Cut(events, AnySecondOf(events));
  return Joined(Essential(use, first), Joined(AnyOf(first), later));
}

RC_GTEST_PROP(EssentialEvents, AnswerWhatThePlanMapAndTheClockAskLater, ()) {
  const auto events = *rc::gen::arbitrary<bool>() ? SubscriptionChaos(30) : SubscriptionLife(false).events;
  const auto thin = FoldSubscription(Thin(EventUse::kSubscription, events));
  const auto full = FoldSubscription(events);
  const auto plans = AnyPlans();
  RC_ASSERT(NewestMapped(*thin, plans) == NewestMapped(*full, plans));
  const Instant began = AnySecondOf(events);
  const auto invoices = AnyInvoices();
  const auto held = HeldTier(*full, plans, began, invoices);
  RC_CLASSIFY(held.has_value());
  RC_ASSERT(HeldTier(*thin, plans, began, invoices) == held);
}

RC_GTEST_PROP(EssentialEvents, TellWhoWasNamedFirst, ()) {
  const auto events = CustomerChaos(20);
  RC_ASSERT(NamedFirst(*FoldCustomer(Thin(EventUse::kCustomer, events))) == NamedFirst(*FoldCustomer(events)));
}

RC_GTEST_PROP(EssentialEvents, TellTheSchedulesOfASubscriptionAndWhoItsUserIs, ()) {
  const auto events = SubscriptionChaos(20);
  const auto thin = *FoldSubscription(Thin(EventUse::kSubscription, events));
  const auto full = *FoldSubscription(events);
  const auto schedules = [](const FoldedSubscription& folded) {
    std::set<std::optional<std::string>> all{std::nullopt};
    for (const auto& one : folded.order) all.insert(one.snapshot.schedule);
    return all;
  };
  RC_ASSERT(schedules(thin) == schedules(full));
  RC_ASSERT(NamedFirst(thin) == NamedFirst(full));
}

RC_GTEST_PROP(EssentialEvents, TellTheSubscriptionsOfASchedule, ()) {
  const auto events = ChaosOf("subscription_schedule", 20);
  const auto subscriptions = [](const auto& folded) {
    std::set<std::optional<std::string>> all{std::nullopt};
    for (const auto& one : folded.order) {
      all.insert(one.snapshot.subscription);
      all.insert(one.snapshot.released_subscription);
    }
    return all;
  };
  RC_ASSERT(subscriptions(*FoldSchedule(Thin(EventUse::kSchedule, events))) == subscriptions(*FoldSchedule(events)));
}

RC_GTEST_PROP(EssentialEvents, TellTheLookupKeysAPriceHasHad, ()) {
  const auto events = ChaosOf("price", 20);
  RC_ASSERT(LookupKeys(*FoldPrice(Thin(EventUse::kPrice, events))) == LookupKeys(*FoldPrice(events)));
}

RC_GTEST_PROP(EssentialEvents, TellWhenACreditNoteWasFirstInEachStatus, ()) {
  const auto events = ChaosOf("credit_note", 20);
  const auto firsts = [](const auto& folded) {
    std::map<std::optional<std::string>, Instant> first;
    for (const auto& one : folded.order) {
      auto& at = first.try_emplace(one.snapshot.status, one.created).first->second;
      at = std::min(at, one.created);
    }
    return first;
  };
  RC_ASSERT(firsts(*FoldCreditNote(Thin(EventUse::kCreditNote, events))) == firsts(*FoldCreditNote(events)));
}

// However long the life, and two events in each of its seconds.
TEST(EssentialEventsTest, StayFew) {
  Events events;
  for (int i = 0; i < 2000; ++i) {
    const auto status = [](int n) { return n % 7 == 3 ? std::string("past_due") : std::string("active"); };
    const std::string previous = R"({"metadata":{"n":)" + Text(Number(i - 1)) + "}}";
    events.push_back(Event("evt_" + Number(i), "customer.subscription.updated", i / 2,
                           Sub(status(i), R"(,"metadata":{"n":)" + Text(Number(i)) +
                                              R"(},"items":{"data":[{"id":"si_1","price":{"id":"price_1"},)"
                                              R"("current_period_end":)" +
                                              Number(kStart + 500 + i / 4) + "}]}"),
                           previous));
  }
  EXPECT_LE(EssentialEvents(EventUse::kSubscription, events).size(), 40U);
}

// An invoice a change, as seats that are billed at once make them: those of periods that are over are not kept.
TEST(EssentialEventsTest, StayFewWithAnInvoiceForEveryChange) {
  Events events;
  for (int i = 0; i < 2000; ++i) {
    events.push_back(
        Event("evt_" + Number(i), "customer.subscription.updated", i,
              Sub("active", R"(,"latest_invoice":"in_)" + Number(i) +
                                R"(","items":{"data":[{"id":"si_1","price":{"id":"price_1"},"current_period_end":)" +
                                Number(kStart + (i / 10 + 1) * 10) + "}]}")));
  }
  EXPECT_LE(EssentialEvents(EventUse::kSubscription, events).size(), 30U);
}

TEST(EssentialEventsTest, AreAllEventsOfAnObjectThatIsNotFolded) {
  const Events events{Event("evt_1", "checkout.session.completed", 0, "{}"), {"evt_2", "x", At(0), "{"}};
  EXPECT_EQ(EssentialEvents(EventUse::kCheckoutSession, events), (std::vector<std::string>{"evt_1", "evt_2"}));
}

}  // namespace
}  // namespace billsync::stripe
