#include <gtest/gtest.h>

#include "billsync/stripe/merge.h"
#include "event_text.h"

namespace billsync::stripe {
namespace {

FoldedInvoice Fold(const std::vector<StoredEvent>& events) {
  auto folded = FoldInvoice(events);
  if (!folded) throw std::runtime_error("nothing to fold");
  return *std::move(folded);
}

TEST(InvoiceFold, ClimbsTheLatticeWhateverTheStamps) {
  InEveryOrder({Event("evt_1", "invoice.paid", 0, Inv("paid", R"(,"amount_paid":2900)")),
                Event("evt_2", "invoice.finalized", 1, Inv("open", R"(,"amount_paid":0)")),
                Event("evt_3", "invoice.updated", 2, Inv("draft")), Event("evt_4", "invoice.created", 3, Inv("draft"))},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.status, "paid");
                 EXPECT_EQ(folded.current.amount_paid, 2900);
                 EXPECT_EQ(folded.order.at(0).event_id, "evt_4");
               });
}

TEST(InvoiceFold, AllowsUncollectibleToBePaidOrVoidedAndNothingBack) {
  EXPECT_EQ(Fold({Event("evt_1", "invoice.marked_uncollectible", 0, Inv("uncollectible")),
                  Event("evt_2", "invoice.paid", 5, Inv("paid")), Event("evt_3", "invoice.updated", 9, Inv("open"))})
                .current.status,
            "paid");
  EXPECT_EQ(Fold({Event("evt_1", "invoice.voided", 0, Inv("void")),
                  Event("evt_2", "invoice.updated", 5, Inv("uncollectible"))})
                .current.status,
            "void");
}

TEST(InvoiceFold, KeepsWhatIsSetOnceFromEveryEvent) {
  const auto folded = Fold(
      {Event("evt_1", "invoice.finalized", 0,
             Inv("open", R"(,"number":"A-1","hosted_invoice_url":"https://x","subscription":"sub_1",
                      "status_transitions":{"finalized_at":5})")),
       Event("evt_2", "invoice.marked_uncollectible", 5, Inv("uncollectible", R"(,"attempt_count":4,"attempted":true,
                      "status_transitions":{"marked_uncollectible_at":6})")),
       Event("evt_3", "invoice.paid", 9,
             Inv("paid", R"(,"attempt_count":0,"status_transitions":{"finalized_at":null,"paid_at":9})"))});
  EXPECT_EQ(folded.current.number, "A-1");
  EXPECT_EQ(folded.current.hosted_invoice_url, "https://x");
  EXPECT_EQ(folded.current.subscription, "sub_1");
  EXPECT_EQ(folded.current.finalized_at, At(5));
  EXPECT_EQ(folded.current.marked_uncollectible_at, At(6));
  EXPECT_EQ(folded.current.paid_at, At(9));
  EXPECT_EQ(folded.current.attempt_count, 4);
  EXPECT_TRUE(folded.current.attempted);
}

TEST(InvoiceFold, PrefersTheFinalNumberToADraftsOwn) {
  const auto folded = Fold({Event("evt_1", "invoice.finalized", 5, Inv("open", R"(,"number":"A-1")")),
                            Event("evt_2", "invoice.updated", 9, Inv("open", R"(,"number":"A-DRAFT")"))});
  EXPECT_EQ(folded.current.number, "A-1");
}

TEST(InvoiceFold, LeavesATombstoneForADeletedDraft) {
  InEveryOrder({Event("evt_1", "invoice.created", 0, Inv("draft")), Event("evt_2", "invoice.deleted", 5, Inv("draft")),
                Event("evt_3", "invoice.updated", 9, Inv("draft"))},
               [](const auto& events) {
                 EXPECT_TRUE(Fold(events).deleted);
                 EXPECT_EQ(Fold(events).order.back().event_id, "evt_2");
               });
}

TEST(InvoiceFold, SeesNoTieBetweenTwoRenderingsOfOneState) {
  const std::string same = R"(,"amount_paid":2900,"total":2900)";
  const auto older = Inv("paid", same + R"(,"charge":"ch_1","payment_intent":"pi_1","subscription":"sub_1")");
  const auto newer = Inv("paid", same + R"(,"parent":{"subscription_details":{"subscription":"sub_1"}})");
  InEveryOrder({Event("evt_1", "invoice.paid", 0, older), Event("evt_2", "invoice.payment_succeeded", 0, newer)},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_FALSE(folded.needs_refetch);
                 EXPECT_EQ(folded.current.charge, "ch_1");
               });
  const auto other = Inv("paid", same + R"(,"subscription":"sub_1","metadata":{"note":"late"})");
  InEveryOrder({Event("evt_1", "invoice.paid", 0, older), Event("evt_2", "invoice.payment_succeeded", 0, other)},
               [](const auto& events) { EXPECT_TRUE(Fold(events).needs_refetch); });
}

TEST(InvoiceFold, TakesTheGreaterPaymentThenTheMoreAttemptsInOneSecond) {
  InEveryOrder({Event("evt_3", "invoice.sent", 0, Inv("open", R"(,"amount_paid":0,"attempt_count":1)")),
                Event("evt_2", "invoice.payment_failed", 0, Inv("open", R"(,"amount_paid":0,"attempt_count":2)")),
                Event("evt_1", "invoice.updated", 0, Inv("open", R"(,"amount_paid":10,"attempt_count":1)"))},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.amount_paid, 10);
                 EXPECT_EQ(folded.current.attempt_count, 2);
                 EXPECT_EQ(folded.order.at(1).event_id, "evt_2");
                 EXPECT_FALSE(folded.needs_refetch);
               });
}

TEST(InvoiceFold, PutsTheChainAboveProgress) {
  // A reversed payment: amount_paid falls, and previous_attributes say so.
  InEveryOrder({Event("evt_2", "invoice.updated", 0, Inv("open", R"(,"amount_paid":10)"), R"({"amount_paid":0})"),
                Event("evt_1", "invoice.updated", 0, Inv("open", R"(,"amount_paid":5)"), R"({"amount_paid":10})")},
               [](const auto& events) { EXPECT_EQ(Fold(events).current.amount_paid, 5); });
}

TEST(InvoiceFold, KeepsAnUnknownStatusAsTextWithoutUndoingAnEnd) {
  EXPECT_EQ(
      Fold({Event("evt_1", "invoice.updated", 0, Inv("draft")), Event("evt_2", "invoice.updated", 5, Inv("in_review"))})
          .current.status,
      "in_review");
  EXPECT_EQ(
      Fold({Event("evt_1", "invoice.paid", 0, Inv("paid")), Event("evt_2", "invoice.updated", 5, Inv("in_review"))})
          .current.status,
      "paid");
}

TEST(InvoiceFold, HasNoRowForAPreview) {
  const std::vector<StoredEvent> events{Event("evt_1", "invoice.created", 0, R"({"object":"invoice"})")};
  EXPECT_EQ(FoldInvoice(events).error(), (std::vector<UnreadableEvent>{{"evt_1", "data.object.id is missing"}}));
}

TEST(InvoiceFold, GivesTheSameRowFromBothShapes) {
  const auto acacia = Fold({Event("evt_1", "invoice.paid", 0, Inv("paid", R"(,"subscription":"sub_1","paid":true)"))});
  const auto endive = Fold(
      {Event("evt_1", "invoice.paid", 0, Inv("paid", R"(,"parent":{"type":"subscription_details","subscription_details":
                                      {"subscription":"sub_1"}})"))});
  EXPECT_EQ(acacia, endive);
}

constexpr const char* kCus = R"({"id":"cus_1","object":"customer","email":"a@example.com","metadata":{"user_id":"u"}})";

TEST(CustomerFold, StaysDeleted) {
  InEveryOrder({Event("evt_1", "customer.created", 0, kCus), Event("evt_2", "customer.deleted", 5, kCus),
                Event("evt_3", "customer.updated", 9, kCus),
                Read("read_1", 20, R"({"id":"cus_1","object":"customer","deleted":true})")},
               [](const auto& events) {
                 const auto folded = FoldCustomer(events);
                 ASSERT_TRUE(folded);
                 EXPECT_TRUE(folded->deleted);
                 EXPECT_TRUE(folded->current.deleted);
                 EXPECT_EQ(folded->current.metadata.at("user_id"), "u");
                 EXPECT_EQ(folded->current.email, "a@example.com");
               });
}

TEST(CustomerFold, TakesTheNewestMetadata) {
  const std::vector<StoredEvent> events{Event("evt_1", "customer.created", 0, kCus),
                                        Event("evt_2", "customer.updated", 5, R"({"id":"cus_1","metadata":{}})")};
  EXPECT_TRUE(FoldCustomer(events)->current.metadata.empty());
  EXPECT_FALSE(FoldCustomer(events)->deleted);
}

}  // namespace
}  // namespace billsync::stripe
