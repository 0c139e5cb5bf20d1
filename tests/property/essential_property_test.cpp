// What an object's old events can be thinned out to without changing anything that comes later.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

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

Events Essential(EventUse use, const Events& events, Instant now) {
  const auto ids = EssentialEvents(use, events, now);
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
void CheckLaw(EventUse use, const Events& events, Instant now, auto fold) {
  const auto [first, later] = Cut(events, AnySecondOf(events));
  const auto thin = Joined(Essential(use, first, now), AnyOf(first));
  const auto full_fold = fold(Joined(first, later));
  RC_ASSERT(full_fold.has_value());
  ExpectSame(*fold(Shuffled(Joined(thin, later))), *full_fold);
  if (later.empty()) return;
  const auto [second, latest] = Cut(later, AnySecondOf(later));
  const Instant then = now + std::chrono::seconds(*rc::gen::inRange(0, 5));
  const auto again = Essential(use, Joined(thin, second), then);
  RC_ASSERT(Ids(again) == Ids(Essential(use, Joined(first, second), then)));
  const auto any = AnyOf(Joined(first, second));
  ExpectSame(*fold(Shuffled(Joined(Joined(again, any), latest))), *full_fold);
}

Instant AnyNow() {
  return At(kStart + *rc::gen::inRange(0, 10));
}

RC_GTEST_PROP(EssentialEvents, DecideAChaoticSubscriptionForEver, ()) {
  CheckLaw(EventUse::kSubscription, SubscriptionChaos(30), AnyNow(),
           [](const Events& e) { return FoldSubscription(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideAChaoticInvoiceForEver, ()) {
  CheckLaw(EventUse::kInvoice, InvoiceChaos(30), AnyNow(), [](const Events& e) { return FoldInvoice(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideAChaoticCustomerForEver, ()) {
  CheckLaw(EventUse::kCustomer, CustomerChaos(30), AnyNow(), [](const Events& e) { return FoldCustomer(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideALivedSubscriptionForEver, ()) {
  CheckLaw(EventUse::kSubscription, SubscriptionLife(true).events, AnyNow(),
           [](const Events& e) { return FoldSubscription(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideALivedInvoiceForEver, ()) {
  CheckLaw(EventUse::kInvoice, InvoiceLife(true).events, AnyNow(), [](const Events& e) { return FoldInvoice(e); });
}
RC_GTEST_PROP(EssentialEvents, DecideALivedCustomerForEver, ()) {
  CheckLaw(EventUse::kCustomer, CustomerLife().events, AnyNow(), [](const Events& e) { return FoldCustomer(e); });
}

// The newest snapshot that any plan map could ask for: all of its prices are mapped.
std::string NewestMapped(const FoldedSubscription& folded, const std::set<std::string>& mapped) {
  for (auto at = folded.order.rbegin(); at != folded.order.rend(); ++at) {
    const auto& items = at->snapshot.items;
    if (!items.empty() && std::ranges::all_of(items, [&](const auto& i) { return mapped.contains(i.price.id); })) {
      return at->event_id;
    }
  }
  return "";
}

// The newest active snapshot with a price whose paid period is not over at `then`.
std::string NewestPaid(const FoldedSubscription& folded, const std::string& price, Instant then) {
  for (auto at = folded.order.rbegin(); at != folded.order.rend(); ++at) {
    if (at->snapshot.status != "active") continue;
    const auto& items = at->snapshot.items;
    if (std::ranges::any_of(items, [&](const auto& i) { return i.price.id == price && i.period_end > then; })) {
      return at->event_id;
    }
  }
  return "";
}

RC_GTEST_PROP(EssentialEvents, AnswerWhatThePlanMapAndTheClockAskLater, ()) {
  const auto events = SubscriptionChaos(30);
  const Instant now = AnyNow();
  const auto [first, later] = Cut(events, AnySecondOf(events));
  const auto thin =
      FoldSubscription(Joined(Essential(EventUse::kSubscription, first, now), Joined(AnyOf(first), later)));
  const auto full = FoldSubscription(events);
  std::set<std::string> mapped;
  for (const char* price : {"price_1", "price_2", "price_3", "plan_1"}) {
    if (*rc::gen::arbitrary<bool>()) mapped.insert(price);
  }
  RC_ASSERT(NewestMapped(*thin, mapped) == NewestMapped(*full, mapped));
  const Instant then = now + std::chrono::seconds(*rc::gen::inRange(0, 4));
  RC_ASSERT(NewestPaid(*thin, "price_1", then) == NewestPaid(*full, "price_1", then));
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
                                              Number(kStart + 500 + i / 40) + "}]}"),
                           previous));
  }
  EXPECT_LE(EssentialEvents(EventUse::kSubscription, events, At(kStart + 2000)).size(), 20U);
  EXPECT_LE(EssentialEvents(EventUse::kSubscription, events, At(kStart + 540)).size(), 90U);
}

TEST(EssentialEventsTest, AreAllEventsOfAnObjectThatIsNotFolded) {
  const Events events{Event("evt_1", "checkout.session.completed", 0, "{}"), {"evt_2", "x", At(0), "{"}};
  EXPECT_EQ(EssentialEvents(EventUse::kCheckoutSession, events, At(0)), (std::vector<std::string>{"evt_1", "evt_2"}));
}

}  // namespace
}  // namespace billsync::stripe
