// What the state machines of subscriptions, invoices and customers say about the order of events, case by case.
#include <gtest/gtest.h>

#include "billsync/stripe/merge.h"
#include "event_text.h"

namespace billsync::stripe {
namespace {

constexpr const char* kUpdated = "customer.subscription.updated";

FoldedSubscription FoldSub(const std::vector<StoredEvent>& events) {
  auto folded = FoldSubscription(events);
  if (!folded) throw std::runtime_error("nothing to fold");
  return *std::move(folded);
}

FoldedInvoice FoldInv(const std::vector<StoredEvent>& events) {
  auto folded = FoldInvoice(events);
  if (!folded) throw std::runtime_error("nothing to fold");
  return *std::move(folded);
}

TEST(SubscriptionStates, LeadToOneRowWhateverArrivesFirst) {
  struct Row {
    const char* what;
    std::vector<StoredEvent> events;
    const char* status;
    bool deleted;
  };
  const std::vector<Row> rows{
      {"expired before it was paid, told by .updated only",
       {Event("evt_1", "customer.subscription.created", 0, Sub("incomplete")),
        Event("evt_2", kUpdated, 82800, Sub("incomplete_expired"), R"({"status":"incomplete"})")},
       "incomplete_expired",
       true},
      {"a late event of the expired one",
       {Event("evt_1", kUpdated, 0, Sub("incomplete_expired")), Event("evt_2", kUpdated, 60, Sub("incomplete"))},
       "incomplete_expired",
       true},
      {"created arrives with a later stamp",
       {Event("evt_1", "customer.subscription.created", 1, Sub("trialing")),
        Event("evt_2", kUpdated, 0, Sub("active"), R"({"status":"trialing"})")},
       "active",
       false},
      {"nothing follows the creation (Checkout since basil)",
       {Event("evt_1", "customer.subscription.created", 0, Sub("active"))},
       "active",
       false},
      {"paused and resumed, each with a verb event of its own",
       {Event("evt_1", kUpdated, 0, Sub("paused"), R"({"status":"active"})"),
        Event("evt_2", "customer.subscription.paused", 0, Sub("paused")),
        Event("evt_3", kUpdated, 9, Sub("active"), R"({"status":"paused"})"),
        Event("evt_4", "customer.subscription.resumed", 9, Sub("active"))},
       "active",
       false},
      {"exhausted dunning and a late payment",
       {Event("evt_1", kUpdated, 0, Sub("past_due")), Event("evt_2", kUpdated, 9, Sub("unpaid")),
        Event("evt_3", kUpdated, 20, Sub("active"))},
       "active",
       false},
      {"a deletion stamped before what it ended",
       {Event("evt_1", "customer.subscription.deleted", 0, Sub("canceled")),
        Event("evt_2", kUpdated, 2, Sub("active"))},
       "canceled",
       true},
      {"a second apart the later stamp counts, though previous attributes say otherwise",
       {Event("evt_1", kUpdated, 1, Sub("active"), R"({"status":"trialing"})"),
        Event("evt_2", kUpdated, 0, Sub("past_due"), R"({"status":"active"})")},
       "active",
       false},
      {"a status of the future",
       {Event("evt_1", kUpdated, 0, Sub("active")), Event("evt_2", kUpdated, 5, Sub("hibernating"))},
       "hibernating",
       false},
  };
  for (const auto& row : rows) {
    InEveryOrder(row.events, [&](const auto& events) {
      EXPECT_EQ(FoldSub(events).current.status, row.status) << row.what;
      EXPECT_EQ(FoldSub(events).deleted, row.deleted) << row.what;
      EXPECT_FALSE(FoldSub(events).needs_refetch) << row.what;
    });
  }
}

TEST(SubscriptionStates, TakeBackAFlexibleCancellation) {
  InEveryOrder(
      {Event("evt_1", kUpdated, 0, Sub("active", R"(,"cancel_at":900,"canceled_at":5)"),
             R"({"cancel_at":null,"canceled_at":null})"),
       Event("evt_2", kUpdated, 7, Sub("active", R"(,"cancel_at":900,"canceled_at":5,"cancellation_details":{})")),
       Event("evt_3", kUpdated, 60, Sub("active", R"(,"cancel_at":null,"canceled_at":null)"))},
      [](const auto& events) {
        EXPECT_FALSE(FoldSub(events).current.cancel_at);
        EXPECT_FALSE(FoldSub(events).current.canceled_at);
      });
}

TEST(SubscriptionStates, CountPastDueInWholeSecondsFromTheFirstOfTheStretch) {
  auto read = Read("read_1", 20, Sub("past_due"));
  read.created += std::chrono::milliseconds(700);
  EXPECT_EQ(FoldSub({read, Event("evt_1", kUpdated, 20, Sub("past_due"))}).past_due_since, At(kStart + 20));
}

std::string Items(const std::vector<std::pair<std::string, std::string>>& id_and_price, bool more) {
  std::string list;
  for (const auto& [id, price] : id_and_price) {
    list += (list.empty() ? "" : ",") + std::string(R"({"id":")") + id + R"(","price":{"id":")" + price + R"("}})";
  }
  return R"(,"items":{"data":[)" + list + R"(],"has_more":)" + (more ? "true" : "false") + "}";
}

std::string Prices(const Subscription& subscription) {
  std::string all;
  for (const auto& item : subscription.items) all += item.id + "=" + item.price.id + " ";
  return all;
}

TEST(TruncatedItems, AreCompletedFromOlderSnapshotsBackToTheNewestWholeOne) {
  InEveryOrder({Event("evt_1", kUpdated, 0, Sub("active", Items({{"si_0", "gone"}}, false))),
                Event("evt_2", kUpdated, 5, Sub("active", Items({{"si_1", "a"}, {"si_2", "b"}}, false))),
                Event("evt_3", kUpdated, 9, Sub("active", Items({{"si_2", "c"}, {"si_3", "d"}}, true))),
                Event("evt_4", kUpdated, 12, Sub("active", Items({{"si_3", "e"}}, true)))},
               [](const auto& events) {
                 const auto folded = FoldSub(events);
                 EXPECT_EQ(Prices(folded.current), "si_1=a si_2=c si_3=e ");
                 EXPECT_TRUE(folded.items_incomplete);
                 EXPECT_TRUE(folded.needs_refetch);
                 EXPECT_EQ(folded.origins, (std::vector<ValueOrigin>{{"items", "evt_3"}, {"items", "evt_2"}}));
               });
}

TEST(TruncatedItems, AreForgottenOnceAllAreListedAgain) {
  const auto folded = FoldSub({Event("evt_1", kUpdated, 0, Sub("active", Items({{"si_1", "a"}}, true))),
                               Event("evt_2", kUpdated, 5, Sub("active", Items({{"si_2", "b"}}, false)))});
  EXPECT_EQ(Prices(folded.current), "si_2=b ");
  EXPECT_FALSE(folded.items_incomplete);
  EXPECT_FALSE(folded.needs_refetch);
}

TEST(TruncatedItems, StayTruncatedWhenTheWinnerListsNoneAtAll) {
  const auto folded = FoldSub({Event("evt_1", kUpdated, 0, Sub("active", Items({{"si_1", "a"}}, false))),
                               Event("evt_2", kUpdated, 5, Sub("active", Items({{"si_2", "b"}}, true))),
                               Event("evt_3", kUpdated, 9, Sub("past_due"))});
  EXPECT_EQ(Prices(folded.current), "si_1=a si_2=b ");
  EXPECT_TRUE(folded.items_incomplete);
}

TEST(TruncatedItems, AreNotMixedWithAPlanOfOldTimes) {
  const auto folded = FoldSub({Event("evt_1", kUpdated, 0, Sub("active", R"(,"plan":{"id":"plan_1"},"quantity":1)")),
                               Event("evt_2", kUpdated, 5, Sub("active", Items({{"si_2", "b"}}, true)))});
  EXPECT_EQ(Prices(folded.current), "si_2=b ");
  EXPECT_TRUE(folded.items_incomplete);
}

TEST(InvoiceStates, LeadToOneRowWhateverArrivesFirst) {
  struct Row {
    const char* what;
    std::vector<StoredEvent> events;
    const char* status;
    bool needs_refetch;
  };
  const std::vector<Row> rows{
      {"uncollectible, then paid after all",
       {Event("evt_1", "invoice.marked_uncollectible", 0, Inv("uncollectible")),
        Event("evt_2", "invoice.updated", 9, Inv("paid"), R"({"status":"uncollectible"})"),
        Event("evt_3", "invoice.paid", 9, Inv("paid"))},
       "paid",
       false},
      {"a draft that is found paid",
       {Event("evt_1", "invoice.created", 0, Inv("draft")),
        Event("evt_2", "invoice.updated", 0, Inv("paid"), R"({"status":"draft"})"),
        Event("evt_3", "invoice.finalized", 0, Inv("open"))},
       "paid",
       false},
      {"a second apart the lattice counts, not the stamp",
       {Event("evt_1", "invoice.paid", 0, Inv("paid")), Event("evt_2", "invoice.payment_failed", 1, Inv("open"))},
       "paid",
       false},
      {"creation stamped last",
       {Event("evt_1", "invoice.created", 2, Inv("open")), Event("evt_2", "invoice.payment_failed", 1, Inv("open"))},
       "open",
       false},
      {"paid and void: one was misread",
       {Event("evt_1", "invoice.paid", 0, Inv("paid")), Event("evt_2", "invoice.voided", 9, Inv("void"))},
       "void",
       true},
      {"Stripe was asked which",
       {Event("evt_1", "invoice.paid", 0, Inv("paid")), Event("evt_2", "invoice.voided", 9, Inv("void")),
        Read("read_1", 20, Inv("paid"))},
       "paid",
       false},
  };
  for (const auto& row : rows) {
    InEveryOrder(row.events, [&](const auto& events) {
      EXPECT_EQ(FoldInv(events).current.status, row.status) << row.what;
      EXPECT_EQ(FoldInv(events).needs_refetch, row.needs_refetch) << row.what;
    });
  }
}

TEST(InvoiceStates, ShowWhatMayBeEditedAfterFinalisationAsItIsNow) {
  InEveryOrder(
      {Event("evt_1", "invoice.finalized", 0, Inv("open", R"(,"due_date":100,"metadata":{"po":"1"},"total":5)")),
       Event("evt_2", "invoice.updated", 5, Inv("open", R"(,"due_date":200,"metadata":{"po":"2"},"total":5)"),
             R"({"due_date":100,"metadata":{"po":"1"}})"),
       Event("evt_3", "invoice.updated", 9, Inv("open", R"(,"due_date":null,"metadata":{},"total":5)"),
             R"({"due_date":200,"metadata":{"po":"2"}})")},
      [](const auto& events) {
        EXPECT_FALSE(FoldInv(events).current.due_date);
        EXPECT_TRUE(FoldInv(events).current.metadata.empty());
        EXPECT_TRUE(FoldInv(events).origins.empty());
      });
}

TEST(InvoiceStates, ShowTheCreditNotesOfAPaidInvoice) {
  InEveryOrder({Event("evt_1", "invoice.paid", 0, Inv("paid", R"(,"post_payment_credit_notes_amount":0)")),
                Event("evt_2", "invoice.updated", 5, Inv("paid", R"(,"post_payment_credit_notes_amount":300)"),
                      R"({"post_payment_credit_notes_amount":0})"),
                Event("evt_3", "invoice.updated", 9, Inv("paid", R"(,"post_payment_credit_notes_amount":200)"),
                      R"({"post_payment_credit_notes_amount":300})")},
               [](const auto& events) { EXPECT_EQ(FoldInv(events).current.post_payment_credit_notes_amount, 200); });
}

std::string Lines(long long start, bool more) {
  return R"(,"lines":{"data":[{"period":{"start":)" + std::to_string(start) + R"(,"end":900}}],"has_more":)" +
         (more ? "true" : "false") + "}";
}

TEST(TruncatedLines, TellNoServicePeriod) {
  const auto folded = FoldInv({Event("evt_1", "invoice.created", 0, Inv("draft", Lines(100, false))),
                               Event("evt_2", "invoice.updated", 5, Inv("draft", Lines(200, true)))});
  EXPECT_FALSE(folded.current.service_period_start) << "lines were added since all of them were listed";
  EXPECT_FALSE(folded.current.service_period_end);
}

TEST(TruncatedLines, AreRememberedByAnEventWithoutLines) {
  EXPECT_FALSE(FoldInv({Event("evt_1", "invoice.created", 0, Inv("draft", Lines(100, false))),
                        Event("evt_2", "invoice.updated", 5, Inv("draft", Lines(200, true))),
                        Event("evt_3", "invoice.sent", 9, Inv("open"))})
                   .current.service_period_start);
  EXPECT_EQ(FoldInv({Event("evt_1", "invoice.created", 0, Inv("draft", Lines(200, true))),
                     Event("evt_2", "invoice.finalized", 5, Inv("open", Lines(100, false))),
                     Event("evt_3", "invoice.sent", 9, Inv("open"))})
                .current.service_period_start,
            At(100));
}

std::string Cus(const std::string& more) {
  return R"({"id":"cus_1","object":"customer","created":5)" + more + "}";
}

TEST(CustomerStates, LetAnAddressGo) {
  InEveryOrder({Event("evt_1", "customer.created", 0, Cus(R"(,"email":"a@example.com")")),
                Event("evt_2", "customer.updated", 5, Cus(R"(,"email":null)"), R"({"email":"a@example.com"})"),
                Event("evt_3", "customer.deleted", 9, Cus(R"(,"email":null)"))},
               [](const auto& events) { EXPECT_FALSE(FoldCustomer(events)->current.email); });
}

TEST(CustomerStates, KeepWhatADeletedCustomerLastWas) {
  InEveryOrder({Event("evt_1", "customer.created", 0, Cus(R"(,"email":"a@example.com","metadata":{"user_id":"u"})")),
                Event("evt_2", "customer.updated", 5, Cus(R"(,"email":null,"metadata":{"user_id":"u"})")),
                Read("read_1", 9, R"({"id":"cus_1","object":"customer","deleted":true})")},
               [](const auto& events) {
                 const auto folded = FoldCustomer(events);
                 EXPECT_TRUE(folded->current.deleted);
                 EXPECT_FALSE(folded->current.email);
                 EXPECT_EQ(folded->current.metadata.at("user_id"), "u");
               });
}

}  // namespace
}  // namespace billsync::stripe
