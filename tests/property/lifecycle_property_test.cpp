// Whole lives as Stripe tells them, delivered in any order and more than once: the row is what the object became.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "billsync/stripe/merge.h"
#include "told.h"
#include "unit/stripe/event_text.h"

namespace billsync::stripe {
namespace {

Subscription Became(const Told& told, Subscription*) {
  return *DecodeSubscription(Parsed(told.object).Root());
}
Invoice Became(const Told& told, Invoice*) {
  return *DecodeInvoice(Parsed(told.object).Root());
}
Customer Became(const Told& told, Customer*) {
  return *DecodeCustomer(Parsed(told.object).Root());
}

// The truth, or else an open question that the fold says it has.
template <typename T>
void CheckLife(const Told& told, auto fold, auto close_enough) {
  const auto folded = fold(ShuffledWithDuplicates(told.events));
  RC_ASSERT(folded.has_value());
  RC_ASSERT(*folded == *fold(told.events));
  const T truth = Became(told, static_cast<T*>(nullptr));
  const bool true_to_life = close_enough(folded->current, truth);
  RC_CLASSIFY(folded->needs_refetch);
  RC_CLASSIFY(!true_to_life);
  if (folded->needs_refetch || true_to_life) return;
  for (const auto& event : told.events) RC_LOG() << event.payload << "\n";
  for (const auto& event : folded->order) RC_LOG() << event.event_id << " " << Code(event.above_previous) << "\n";
  RC_FAIL("the row is not what the object became, and does not say so");
}

const auto kSame = [](const auto& folded, const auto& truth) { return folded == truth; };

RC_GTEST_PROP(Lifecycle, ASubscriptionIsWhatItBecame, ()) {
  CheckLife<Subscription>(
      SubscriptionLife(false), [](const auto& e) { return FoldSubscription(e); }, kSame);
}
RC_GTEST_PROP(Lifecycle, ASubscriptionInBothShapesIsWhatItBecame, ()) {
  CheckLife<Subscription>(
      SubscriptionLife(true), [](const auto& e) { return FoldSubscription(e); }, kSame);
}
RC_GTEST_PROP(Lifecycle, AnInvoiceIsWhatItBecame, ()) {
  CheckLife<Invoice>(
      InvoiceLife(false), [](const auto& e) { return FoldInvoice(e); }, kSame);
}
RC_GTEST_PROP(Lifecycle, AnInvoiceInBothShapesIsWhatItBecame, ()) {
  CheckLife<Invoice>(
      InvoiceLife(true), [](const auto& e) { return FoldInvoice(e); }, kSame);
}
RC_GTEST_PROP(Lifecycle, ACustomerIsWhatItBecame, ()) {
  CheckLife<Customer>(
      CustomerLife(), [](const auto& e) { return FoldCustomer(e); },
      [](Customer folded, const Customer& truth) {
        folded.deleted = truth.deleted;
        return folded == truth;
      });
}

// Checkout before basil, an upgrade and a cancellation, all in one second: every order there is.
TEST(Burst, OfSevenEventsInOneSecondIsTheSameInAll5040Orders) {
  const auto object = [](const std::string& status, const std::string& price, const std::string& invoice, bool cancel,
                         const std::string& note) {
    return Sub(status, R"(,"items":{"data":[{"id":"si_1","price":{"id":)" + Text(price) +
                           R"(},"current_period_end":900}]},)" + R"("latest_invoice":)" + Text(invoice) +
                           R"(,"cancel_at_period_end":)" + (cancel ? "true" : "false") + R"(,"metadata":{"note":)" +
                           Text(note) + "}");
  };
  const std::string old_items = R"("items":{"data":[{"id":"si_1","price":{"id":"p1"},"current_period_end":900}]})";
  const std::string updated = "customer.subscription.updated";
  // Ids against the order of what happened.
  const std::vector<StoredEvent> events{
      Event("evt_7", "customer.subscription.created", 0, object("incomplete", "p1", "in_1", false, "a")),
      Event("evt_6", updated, 0, object("active", "p1", "in_1", false, "a"), R"({"status":"incomplete"})"),
      Event("evt_5", updated, 0, object("active", "p2", "in_2", false, "a"),
            "{" + old_items + R"(,"latest_invoice":"in_1"})"),
      Event("evt_4", updated, 0, object("past_due", "p2", "in_2", false, "a"), R"({"status":"active"})"),
      Event("evt_3", updated, 0, object("past_due", "p2", "in_2", true, "a"), R"({"cancel_at_period_end":false})"),
      Event("evt_2", updated, 0, object("active", "p2", "in_2", true, "a"), R"({"status":"past_due"})"),
      Event("evt_1", updated, 0, object("active", "p2", "in_2", true, "b"), R"({"metadata":{"note":"a"}})")};
  const auto expected = FoldSubscription(events);
  EXPECT_EQ(expected->current, *DecodeSubscription(Parsed(object("active", "p2", "in_2", true, "b")).Root()));
  EXPECT_FALSE(expected->needs_refetch);
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(expected->order[i].event_id, events[i].id);
  int orders = 0;
  InEveryOrder(events, [&](const auto& order) {
    ++orders;
    ASSERT_EQ(*FoldSubscription(order), *expected);
  });
  EXPECT_EQ(orders, 5040);
}

}  // namespace
}  // namespace billsync::stripe
