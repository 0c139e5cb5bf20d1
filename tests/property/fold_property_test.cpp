#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "billsync/stripe/merge.h"
#include "told.h"
#include "unit/stripe/event_text.h"

namespace billsync::stripe {
namespace {

// A subscription's life as Stripe would tell it: each step changes some members and reports their old values.
struct Life {
  std::vector<StoredEvent> events;  // in the order they happened
  std::string last_status;
  std::string last_price;
  std::string last_invoice;
};

std::string Snapshot(const std::string& status, const std::string& price, const std::string& invoice, int period) {
  return Sub(status, R"(,"latest_invoice":)" + Text(invoice) + R"(,"items":{"data":[{"id":"si_1","price":{"id":)" +
                         Text(price) + R"(},"current_period_start":)" + std::to_string(period) + "}]}");
}

std::string OldItems(const std::string& price, int period) {
  return R"("items":{"data":[{"id":"si_1","price":{"id":)" + Text(price) + R"(},"current_period_start":)" +
         std::to_string(period) + "}]}";
}

// Steps of one live subscription, many in the same second. Every value is new, so that each place in the chain is
// unique; `steps` is at most what fits one exactly ordered second.
Life LiveSubscription(int steps, bool one_second) {
  Life life{{}, "active", "price_0", "in_0"};
  int period = 100;
  long long second = 0;
  life.events.push_back(Event(RandomId(0), "customer.subscription.created", second,
                              Snapshot(life.last_status, life.last_price, life.last_invoice, period)));
  for (int step = 1; step <= steps; ++step) {
    if (!one_second) second += *rc::gen::element(0, 0, 0, 1, 60);
    std::string previous;
    const int what = *rc::gen::inRange(1, 4);
    if ((what & 1) != 0) {
      previous = OldItems(life.last_price, period);
      life.last_price = "price_" + std::to_string(step);
      period += *rc::gen::inRange(0, 2) * 1000;
    }
    if ((what & 2) != 0) {
      previous += (previous.empty() ? "" : ",") + std::string(R"("latest_invoice":)") + Text(life.last_invoice);
      life.last_invoice = "in_" + std::to_string(step);
    }
    life.events.push_back(Event(RandomId(static_cast<size_t>(step)), "customer.subscription.updated", second,
                                Snapshot(life.last_status, life.last_price, life.last_invoice, period),
                                "{" + previous + "}"));
  }
  return life;
}

std::vector<StoredEvent> WithOtherIds(std::vector<StoredEvent> events) {
  for (auto& event : events) event.id += "_more";
  return events;
}

RC_GTEST_PROP(FoldLaw, TheSetAloneDecides, ()) {
  const auto events = SubscriptionChaos(8);
  const auto folded = FoldSubscription(events);
  RC_ASSERT(folded.has_value());
  RC_ASSERT(*FoldSubscription(ShuffledWithDuplicates(events)) == *folded);
}

RC_GTEST_PROP(FoldLaw, AChainInOneSecondEndsWhereItEnded, ()) {
  const auto life = LiveSubscription(*rc::gen::inRange(1, 9), true);
  const auto folded = FoldSubscription(ShuffledWithDuplicates(life.events));
  RC_ASSERT(folded.has_value());
  RC_ASSERT(folded->current.items.at(0).price.id == life.last_price);
  RC_ASSERT(folded->current.latest_invoice == life.last_invoice);
  RC_ASSERT(folded->order.back().event_id == life.events.back().id);
  RC_ASSERT(!folded->needs_refetch);
}

RC_GTEST_PROP(FoldLaw, ALifeOverManySecondsIsToldInTheOrderItHappened, ()) {
  const auto life = LiveSubscription(*rc::gen::inRange(1, 12), false);
  const auto folded = FoldSubscription(ShuffledWithDuplicates(life.events));
  RC_ASSERT(folded.has_value());
  RC_ASSERT(folded->order.size() == life.events.size());
  for (size_t i = 0; i < life.events.size(); ++i) RC_ASSERT(folded->order[i].event_id == life.events[i].id);
  RC_ASSERT(!folded->needs_refetch);
}

RC_GTEST_PROP(FoldLaw, TheEndIsNeverUndone, ()) {
  auto events = SubscriptionChaos(8);
  const auto before = FoldSubscription(events);
  for (const auto& event : WithOtherIds(SubscriptionChaos(8))) events.push_back(event);
  const auto after = FoldSubscription(ShuffledWithDuplicates(events));
  RC_PRE(before->deleted);
  RC_ASSERT(after->deleted);
  RC_ASSERT(IsTerminalSubscriptionStatus(after->current.status));
}

int Rank(const std::string& status) {
  if (status == "draft") return 0;
  if (status == "open") return 1;
  return status == "uncollectible" ? 2 : 3;
}

RC_GTEST_PROP(FoldLaw, AnInvoiceOnlyEverClimbs, ()) {
  auto events = InvoiceChaos(8);
  const auto before = FoldInvoice(events);
  for (const auto& event : WithOtherIds(InvoiceChaos(8))) events.push_back(event);
  const auto after = FoldInvoice(ShuffledWithDuplicates(events));
  RC_ASSERT(Rank(*after->current.status) >= Rank(*before->current.status));
  RC_ASSERT(after->current.attempt_count >= before->current.attempt_count);
  RC_ASSERT(after->current.finalized_at.has_value() >= before->current.finalized_at.has_value());
}

RC_GTEST_PROP(FoldLaw, AnInvoiceIsDecidedByTheSetAlone, ()) {
  const auto events = InvoiceChaos(8);
  RC_ASSERT(*FoldInvoice(ShuffledWithDuplicates(events)) == *FoldInvoice(events));
}

RC_GTEST_PROP(FoldLaw, NoPayloadBreaksTheFold, (const std::string& payload)) {
  const std::vector<StoredEvent> events{{"evt_1", "customer.subscription.updated", At(kStart), payload},
                                        {"evt_2", "invoice.paid", At(kStart), payload},
                                        {"evt_3", "customer.created", At(kStart), payload}};
  RC_ASSERT(!FoldSubscription(events));
  RC_ASSERT(!FoldInvoice(events));
  RC_ASSERT(!FoldCustomer(events));
}

}  // namespace
}  // namespace billsync::stripe
