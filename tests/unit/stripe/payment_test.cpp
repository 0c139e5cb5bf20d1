#include "billsync/stripe/payment.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

std::string ChargeText(const std::string& status, const std::string& more = "") {
  return R"({"id":"ch_1","object":"charge","customer":"cus_1","payment_intent":"pi_1","amount":2900,"currency":"usd",
      "created":7,"livemode":false,"status":")" +
         status + "\"" + more + "}";
}

std::string IntentText(const std::string& status, const std::string& more = "") {
  return R"({"id":"pi_1","object":"payment_intent","customer":"cus_1","amount":2900,"currency":"usd","created":7,
      "status":")" +
         status + "\"" + more + "}";
}

std::string RefundText(const std::string& status, const std::string& more = "") {
  return R"({"id":"re_1","object":"refund","charge":"ch_1","payment_intent":"pi_1","amount":500,"currency":"usd",
      "created":8,"status":")" +
         status + "\"" + more + "}";
}

std::string NoteText(const std::string& status, const std::string& more = "") {
  return R"({"id":"cn_1","object":"credit_note","invoice":"in_1","customer":"cus_1","amount":500,"currency":"usd",
      "created":8,"number":"A-1-CN-01","status":")" +
         status + "\"" + more + "}";
}

TEST(ChargeShape, ReadsTheInvoiceWhereAVersionTellsIt) {
  const auto acacia = Decoded(DecodeCharge, ChargeText("succeeded", R"(,"amount_refunded":0,"invoice":"in_1")"));
  const auto basil = Decoded(DecodeCharge, ChargeText("succeeded", R"(,"amount_refunded":0)"));
  EXPECT_EQ(acacia.invoice, "in_1");
  EXPECT_EQ(acacia.amount, 2900);
  EXPECT_EQ(acacia.amount_refunded, 0);
  auto but_for_the_invoice = acacia;
  but_for_the_invoice.invoice.reset();
  EXPECT_EQ(basil, but_for_the_invoice);
}

TEST(PaymentShapes, ReadExpandedObjectsAsIds) {
  const auto charge = Decoded(DecodeCharge, R"({"id":"ch_1","customer":{"id":"cus_1","deleted":true},
      "payment_intent":{"id":"pi_1"},"invoice":{"id":"in_1"}})");
  EXPECT_EQ(charge,
            Decoded(DecodeCharge, R"({"id":"ch_1","customer":"cus_1","payment_intent":"pi_1","invoice":"in_1"})"));
  const auto payment = Decoded(DecodeInvoicePayment, R"({"id":"inpay_1","invoice":{"id":"in_1"},
      "payment":{"type":"payment_intent","payment_intent":{"id":"pi_1","latest_charge":{"id":"ch_1"}}}})");
  EXPECT_EQ(payment.invoice, "in_1");
  EXPECT_EQ(payment.payment_intent, "pi_1");
  const auto refund = Decoded(DecodeRefund, R"({"id":"re_1","charge":{"id":"ch_1"},"payment_intent":{"id":"pi_1"}})");
  EXPECT_EQ(refund.charge, "ch_1");
  EXPECT_EQ(refund.payment_intent, "pi_1");
  EXPECT_EQ(Decoded(DecodePaymentIntent, R"({"id":"pi_1","latest_charge":{"id":"ch_1"}})").latest_charge, "ch_1");
  EXPECT_EQ(Decoded(DecodeCreditNote, R"({"id":"cn_1","invoice":{"id":"in_1"}})").invoice, "in_1");
}

TEST(PaymentShapes, FallBackToTheAccountOfTheCustomer) {
  EXPECT_EQ(Decoded(DecodeCharge, R"({"id":"x","customer":null,"customer_account":"acct_1"})").customer, "acct_1");
  EXPECT_EQ(Decoded(DecodePaymentIntent, R"({"id":"x","customer_account":"acct_1"})").customer, "acct_1");
  EXPECT_EQ(Decoded(DecodeRefund, R"({"id":"x","customer":"cus_1","customer_account":"acct_1"})").customer, "cus_1");
  EXPECT_EQ(Decoded(DecodeCreditNote, R"({"id":"x","customer":"","customer_account":"acct_1"})").customer, "acct_1");
}

TEST(PaymentShapes, LiveWithNothingButAnId) {
  EXPECT_EQ(Decoded(DecodeCharge, R"({"id":"x"})").status, std::nullopt);
  EXPECT_EQ(Decoded(DecodePaymentIntent, R"({"id":"x","status":null})").status, std::nullopt);
  EXPECT_EQ(Decoded(DecodeInvoicePayment, R"({"id":"x","payment":null,"status_transitions":null})").paid_at,
            std::nullopt);
  EXPECT_EQ(Decoded(DecodeRefund, R"({"id":"x","status":null,"amount":null})").amount, std::nullopt);
  EXPECT_EQ(Decoded(DecodeCreditNote, R"({"id":"x","type":"post_payment"})").post_payment_amount, std::nullopt);
}

TEST(PaymentShapes, NameThePathOfWhatIsUnreadable) {
  EXPECT_EQ(FaultOf(DecodeCharge, R"({"object":"charge"})"), "data.object.id is missing");
  EXPECT_EQ(FaultOf(DecodeCharge, R"({"id":"re_1","object":"refund"})"), "data.object.object is not \"charge\"");
  EXPECT_EQ(FaultOf(DecodeCharge, R"({"id":"x","amount":"2900"})"),
            "data.object.amount is not a whole number of 64 bits");
  EXPECT_EQ(FaultOf(DecodeCharge, R"({"id":"x","amount":9223372036854775808})"),
            "data.object.amount is not a whole number of 64 bits");
  EXPECT_EQ(FaultOf(DecodePaymentIntent, R"({"id":"x","invoice":7})"), "data.object.invoice is not text");
  EXPECT_EQ(FaultOf(DecodeInvoicePayment, R"({"id":"x","payment":"pi_1"})"), "data.object.payment is not an object");
  EXPECT_EQ(FaultOf(DecodeInvoicePayment, R"({"id":"x","payment":{"payment_intent":{}}})"),
            "data.object.payment.payment_intent.id is missing");
  EXPECT_EQ(FaultOf(DecodeInvoicePayment, R"({"id":"x","status_transitions":{"paid_at":"soon"}})"),
            "data.object.status_transitions.paid_at is not a Unix time in seconds");
  EXPECT_EQ(FaultOf(DecodeRefund, R"({"id":"x","status":[]})"), "data.object.status is not text");
  EXPECT_EQ(FaultOf(DecodeCreditNote, R"({"id":"x","voided_at":1794297600000})"),
            "data.object.voided_at is not a Unix time in seconds");
  EXPECT_EQ(FaultOf(DecodeCreditNote, "null"), "data.object is missing");
}

TEST(InvoicePaymentShape, TellsWhichPaymentPaidWhat) {
  const auto payment = Decoded(DecodeInvoicePayment,
                               R"({"id":"inpay_1","object":"invoice_payment","invoice":"in_1","amount_paid":2900,
      "amount_requested":2900,"currency":"usd","created":5,"is_default":true,"livemode":true,"status":"paid",
      "payment":{"type":"payment_intent","payment_intent":"pi_1"},
      "status_transitions":{"canceled_at":null,"paid_at":9}})");
  EXPECT_EQ(payment.invoice, "in_1");
  EXPECT_EQ(payment.payment_intent, "pi_1");
  EXPECT_EQ(payment.charge, std::nullopt);
  EXPECT_EQ(payment.amount_paid, 2900);
  EXPECT_EQ(payment.status, "paid");
  EXPECT_EQ(payment.paid_at, At(9));
  const auto by_charge = Decoded(DecodeInvoicePayment, R"({"id":"x","payment":{"type":"charge","charge":"ch_1"}})");
  EXPECT_EQ(by_charge.charge, "ch_1");
  const auto elsewhere =
      Decoded(DecodeInvoicePayment, R"({"id":"x","payment":{"type":"payment_record","payment_record":"pr_1"}})");
  EXPECT_EQ(elsewhere.payment_intent, std::nullopt);
}

TEST(CreditNoteShape, IsTheSameFromBothSidesOfBasil) {
  EXPECT_EQ(Decoded(DecodeCreditNote, NoteText("issued", R"(,"type":"post_payment","refund":"re_1")")),
            Decoded(DecodeCreditNote, NoteText("issued", R"(,"type":"post_payment","pre_payment_amount":0,
                                                             "post_payment_amount":500,"refunds":[])")));
  EXPECT_EQ(Decoded(DecodeCreditNote, NoteText("issued", R"(,"type":"pre_payment")")),
            Decoded(DecodeCreditNote, NoteText("issued", R"(,"type":"pre_payment","pre_payment_amount":500,
                                                             "post_payment_amount":0)")));
  const auto mixed = Decoded(
      DecodeCreditNote, NoteText("issued", R"(,"type":"mixed","pre_payment_amount":200,"post_payment_amount":300)"));
  EXPECT_EQ(mixed.pre_payment_amount, 200);
  EXPECT_EQ(mixed.post_payment_amount, 300);
  EXPECT_EQ(Decoded(DecodeCreditNote, NoteText("issued", R"(,"type":"mixed")")).pre_payment_amount, std::nullopt);
}

TEST(ChargeFold, KeepsTheInvoiceThatOnlyTheOldShapeTells) {
  const auto folded = FoldedInEveryOrder(
      FoldCharge, {Event("evt_1", "charge.succeeded", 0, ChargeText("succeeded", R"(,"invoice":"in_1")")),
                   Event("evt_2", "charge.updated", 5, ChargeText("succeeded", R"(,"amount_refunded":0)"))});
  EXPECT_EQ(folded.current.invoice, "in_1");
  EXPECT_EQ(folded.origins, (std::vector<ValueOrigin>{{"invoice", "evt_1"}}));
}

TEST(ChargeFold, CountsRefundsInTheOrderTheyWereMade) {
  const auto folded = FoldedInEveryOrder(
      FoldCharge, {Event("evt_4", "charge.succeeded", 0, ChargeText("succeeded", R"(,"amount_refunded":0)")),
                   Event("evt_3", "charge.refunded", 9, ChargeText("succeeded", R"(,"amount_refunded":500)"),
                         R"({"amount_refunded":0})"),
                   Event("evt_2", "charge.refunded", 9, ChargeText("succeeded", R"(,"amount_refunded":2900)"),
                         R"({"amount_refunded":500})"),
                   // The second refund failed.
                   Event("evt_1", "charge.updated", 9, ChargeText("succeeded", R"(,"amount_refunded":500)"),
                         R"({"amount_refunded":2900})")});
  EXPECT_EQ(folded.current.amount_refunded, 500);
  EXPECT_EQ(folded.order.back().event_id, "evt_1");
}

TEST(ChargeFold, TakesTheGreaterRefundWhereNothingElseTells) {
  const auto folded = FoldedInEveryOrder(
      FoldCharge, {Event("evt_2", "charge.refunded", 9, ChargeText("succeeded", R"(,"amount_refunded":500)")),
                   Event("evt_1", "charge.refunded", 9, ChargeText("succeeded", R"(,"amount_refunded":2900)"))});
  EXPECT_EQ(folded.current.amount_refunded, 2900);
  EXPECT_EQ(folded.order.back().above_previous, OrderRule::kProgress);
}

TEST(ChargeFold, IsNeverPendingAgain) {
  const auto folded = FoldedInEveryOrder(FoldCharge, {Event("evt_1", "charge.failed", 0, ChargeText("failed")),
                                                      Event("evt_2", "charge.pending", 5, ChargeText("pending"))});
  EXPECT_EQ(folded.current.status, "failed");
  EXPECT_EQ(folded.order.back().above_previous, OrderRule::kStatusRank);
  EXPECT_EQ(FoldedBy(FoldCharge, {Event("evt_1", "charge.pending", 0, ChargeText("pending")),
                                  Event("evt_2", "charge.updated", 5, ChargeText("under_a_new_name"))})
                .current.status,
            "under_a_new_name");
}

TEST(PaymentIntentFold, EndsWhenItSucceedsOrIsCanceled) {
  const auto folded = FoldedInEveryOrder(
      FoldPaymentIntent,
      {Event("evt_1", "payment_intent.succeeded", 0,
             IntentText("succeeded", R"(,"invoice":"in_1","latest_charge":"ch_1")")),
       Event("evt_2", "payment_intent.created", 0, IntentText("requires_payment_method", R"(,"latest_charge":null)")),
       Event("evt_3", "payment_intent.processing", 9, IntentText("processing"))});
  EXPECT_EQ(folded.current.status, "succeeded");
  EXPECT_EQ(folded.current.invoice, "in_1");
  EXPECT_EQ(folded.current.latest_charge, "ch_1");
  EXPECT_FALSE(folded.deleted);
}

TEST(InvoicePaymentFold, StaysPaid) {
  const std::string paid = R"({"id":"inpay_1","object":"invoice_payment","invoice":"in_1","status":"paid",
                               "amount_paid":2900,"payment":{"type":"payment_intent","payment_intent":"pi_1"}})";
  const std::string open = R"({"id":"inpay_1","object":"invoice_payment","invoice":"in_1","status":"open",
                               "amount_paid":null})";
  const auto folded = FoldedInEveryOrder(FoldInvoicePayment,
                                         {Event("evt_1", "invoice_payment.paid", 5, paid), Read("read_1", 90, open)});
  EXPECT_EQ(folded.current.status, "paid");
  EXPECT_EQ(folded.current.amount_paid, 2900);
}

TEST(RefundFold, MayFailAfterItSucceededAndNeverTheOtherWayRound) {
  for (const char* end : {"failed", "canceled"}) {
    const auto folded =
        FoldedInEveryOrder(FoldRefund, {Event("evt_1", "refund.failed", 0, RefundText(end)),
                                        Event("evt_2", "charge.refund.updated", 5, RefundText("succeeded")),
                                        Event("evt_3", "refund.updated", 9, RefundText("pending")),
                                        Event("evt_4", "refund.created", 9, RefundText("requires_action"))});
    EXPECT_EQ(folded.current.status, end);
    EXPECT_EQ(folded.order.back().event_id, "evt_1");
  }
}

TEST(RefundFold, KeepsTheCustomerAndReasonThatOnlySomeVersionsTell) {
  const auto folded =
      FoldedBy(FoldRefund,
               {Event("evt_1", "refund.created", 0, RefundText("pending", R"(,"customer":"cus_1","reason":"fraud")")),
                Event("evt_2", "refund.updated", 5, RefundText("succeeded"))});
  EXPECT_EQ(folded.current.status, "succeeded");
  EXPECT_EQ(folded.current.customer, "cus_1");
  EXPECT_EQ(folded.current.reason, "fraud");
}

TEST(RefundFold, KeepsAnUnknownStatusAsTextWithoutUndoingAnEnd) {
  EXPECT_EQ(FoldedBy(FoldRefund, {Event("evt_1", "refund.created", 0, RefundText("succeeded")),
                                  Event("evt_2", "refund.updated", 5, RefundText("returned"))})
                .current.status,
            "returned");
  EXPECT_EQ(FoldedBy(FoldRefund, {Event("evt_1", "refund.failed", 0, RefundText("failed")),
                                  Event("evt_2", "refund.updated", 5, RefundText("returned"))})
                .current.status,
            "failed");
}

TEST(RefundFold, AcceptsANegativeAmountAsStripeSentIt) {
  EXPECT_EQ(FoldedBy(FoldRefund, {Event("evt_1", "refund.created", 0, R"({"id":"re_1","amount":-5})")}).current.amount,
            -5);
}

TEST(CreditNoteFold, StaysVoid) {
  const auto folded = FoldedInEveryOrder(
      FoldCreditNote,
      {Event("evt_1", "credit_note.voided", 0, NoteText("void", R"(,"voided_at":9,"type":"pre_payment")")),
       Event("evt_2", "credit_note.updated", 5, NoteText("issued", R"(,"reason":"duplicate")")),
       Event("evt_3", "credit_note.created", 9, NoteText("issued"))});
  EXPECT_EQ(folded.current.status, "void");
  EXPECT_EQ(folded.current.voided_at, At(9));
  EXPECT_EQ(folded.current.reason, "duplicate");
  EXPECT_EQ(folded.current.pre_payment_amount, 500);
  EXPECT_FALSE(folded.deleted);
}

}  // namespace
}  // namespace billsync::stripe
