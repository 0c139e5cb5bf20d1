// What refunds come to on invoices: from refund objects, from charges, from both, linked in every way, in any order.
#include <gtest/gtest.h>

#include "money_events.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

constexpr const char* kRefunded =
    "SELECT string_agg(stripe_invoice_id || ' ' || amount_refunded_minor || ' ' || amount_refunded_usd, ', ' "
    "ORDER BY stripe_invoice_id) FROM billing_invoices";
constexpr const char* kAllApplied = "SELECT count(*) FROM stripe_events WHERE status <> 'applied'";

class RefundTest : public ::testing::Test {
 protected:
  void ExpectInEveryOrder(const std::vector<std::string>& bodies, const std::string& expected) {
    testing::ExpectInEveryOrder(mirror_, bodies, kRefunded, expected);
    EXPECT_EQ(mirror_.database.Value(kAllApplied), "0");
  }

  Mirror mirror_;
};

TEST_F(RefundTest, CountFromRefundObjectsThroughAnInvoicePayment) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(), RefundEvent{}.Body(),
                      RefundEvent{.event = "evt_refund_2", .id = "re_2", .amount = 500}.Body()},
                     "in_1 1500 15.00");
}

TEST_F(RefundTest, CountFromRefundObjectsThroughThePaymentThatAnOldInvoiceNames) {
  ExpectInEveryOrder({PaidInvoiceEvent{.payment_intent = "pi_1", .charge = "ch_1"}.Body(), RefundEvent{}.Body()},
                     "in_1 1000 10.00");
}

TEST_F(RefundTest, CountThroughAnOldChargeThatNamesTheInvoice) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), ChargeEvent{.invoice = "in_1"}.Body(), RefundEvent{}.Body()},
                     "in_1 1000 10.00");
}

TEST_F(RefundTest, CountThroughAnOldPaymentIntentThatNamesTheInvoice) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), PaymentIntentEvent{.invoice = "in_1"}.Body(),
                      RefundEvent{.payment_intent = ""}.Body()},
                     "in_1 1000 10.00");
}

TEST_F(RefundTest, CountFromTheChargeAloneWhenNoRefundObjectIsSent) {
  ExpectInEveryOrder(
      {PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(), ChargeEvent{}.Body(),
       ChargeEvent{.event = "evt_refunded", .type = "charge.refunded", .created = kAsOfSeconds, .amount_refunded = 700}
           .Body()},
      "in_1 700 7.00");
}

TEST_F(RefundTest, CountOnceWhenChargeAndRefundObjectsTellOfThem) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(),
                      ChargeEvent{.event = "evt_refunded", .type = "charge.refunded", .amount_refunded = 1000}.Body(),
                      RefundEvent{}.Body()},
                     "in_1 1000 10.00");
}

TEST_F(RefundTest, OfAChargeWithoutPaymentIntentCount) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{.payment_intent = "", .charge = "ch_1"}.Body(),
                      ChargeEvent{.payment_intent = ""}.Body(), RefundEvent{.payment_intent = ""}.Body()},
                     "in_1 1000 10.00");
}

TEST_F(RefundTest, ThatFailCountNoMore) {
  ExpectInEveryOrder(
      {PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(), RefundEvent{}.Body(),
       RefundEvent{.event = "evt_failed", .type = "refund.failed", .created = kAsOfSeconds, .status = "failed"}.Body()},
      "in_1 0 0.00");
}

TEST_F(RefundTest, ThatFailCountNoMoreThoughTheChargesNewestSnapshotIsOlder) {
  ExpectInEveryOrder(
      {PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(),
       ChargeEvent{.event = "evt_refunded", .type = "charge.refunded", .amount_refunded = 1600}.Body(),
       RefundEvent{.event = "evt_failed", .type = "refund.failed", .created = kAsOfSeconds, .status = "failed"}.Body(),
       RefundEvent{.event = "evt_refund_2", .id = "re_2", .amount = 600}.Body()},
      "in_1 600 6.00");
}

// 1000 of which nothing but the charge tells, and 600 that failed before the charge's newest snapshot.
TEST_F(RefundTest, ThatFailedBeforeTheChargesNewestSnapshotAreNotTakenBackTwice) {
  const RefundEvent failed{
      .event = "evt_failed", .type = "refund.failed", .id = "re_2", .amount = 600, .status = "failed"};
  ExpectInEveryOrder(
      {PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(), failed.Body(),
       ChargeEvent{
           .event = "evt_updated", .type = "charge.updated", .created = kAsOfSeconds - 1000, .amount_refunded = 1000}
           .Body()},
      "in_1 1000 10.00");
}

TEST_F(RefundTest, OfSeveralPaymentsOfOneInvoiceAddUp) {
  ExpectInEveryOrder(
      {PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{}.Body(),
       InvoicePaymentEvent{.event = "evt_inpay_2", .id = "inpay_2", .payment_intent = "pi_2"}.Body(),
       RefundEvent{}.Body(),
       RefundEvent{.event = "evt_refund_2", .id = "re_2", .payment_intent = "pi_2", .charge = "ch_2", .amount = 200}
           .Body()},
      "in_1 1200 12.00");
}

TEST_F(RefundTest, OfAPaymentThatTwoInvoicesNameGoToTheSmallerInvoice) {
  ExpectInEveryOrder({PaidInvoiceEvent{.payment_intent = "pi_1"}.Body(),
                      PaidInvoiceEvent{.event = "evt_invoice_2", .id = "in_0"}.Body(),
                      InvoicePaymentEvent{.invoice = "in_0"}.Body(), RefundEvent{}.Body()},
                     "in_0 1000 10.00, in_1 0 0.00");
}

TEST_F(RefundTest, AreNotCountedForAnInvoiceThePaymentWasDetachedFrom) {
  ExpectInEveryOrder(
      {PaidInvoiceEvent{}.Body(), InvoicePaymentEvent{.status = "canceled"}.Body(), RefundEvent{}.Body()},
      "in_1 0 0.00");
}

TEST_F(RefundTest, OfAOneOffPaymentAreKeptAndParkNothing) {
  mirror_.Store(ChargeEvent{.amount_refunded = 300}.Body());
  mirror_.Store(RefundEvent{.amount = 300}.Body());
  mirror_.Store(PaymentIntentEvent{}.Body());
  EXPECT_EQ(mirror_.Apply(), 3U);
  EXPECT_EQ(mirror_.database.Value(kAllApplied), "0");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_payments WHERE stripe_invoice_id IS NULL"), "2");
  EXPECT_EQ(mirror_.database.Value("SELECT amount_minor || status FROM billing_refunds"), "300succeeded");
}

TEST_F(RefundTest, InOtherCurrenciesAreConvertedByTheInvoicesOwnRate) {
  mirror_.database.Run(
      "INSERT INTO billing_fx_rates VALUES ('jpy', '2026-01-01', 0.0066), ('kwd', '2026-01-01', 3.25)");
  ExpectInEveryOrder({PaidInvoiceEvent{.currency = "jpy", .payment_intent = "pi_1", .total = 4400}.Body(),
                      RefundEvent{.currency = "jpy", .amount = 1000}.Body()},
                     "in_1 1000 6.60");
  ExpectInEveryOrder({PaidInvoiceEvent{.currency = "kwd", .payment_intent = "pi_1", .total = 4400}.Body(),
                      RefundEvent{.currency = "kwd", .amount = 1230}.Body()},
                     "in_1 1230 4.00");
}

TEST_F(RefundTest, WaitForTheirInvoiceWhichWaitsForItsUser) {
  mirror_.Store(PaidInvoiceEvent{.payment_intent = "pi_1"}.Body());
  mirror_.Store(RefundEvent{}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_refund"), "applied");
  EXPECT_EQ(mirror_.StatusOf("evt_invoice"), "parked unknown_customer");
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value(kRefunded), "in_1 1000 10.00");
}

TEST_F(RefundTest, ReachInvoicesThatThePlatformWroteBeforeBillsync) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.database.Run(
      "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, amount_usd, amount_paid_usd) "
      "VALUES ('" +
      UserId(1) + "', 'in_old', 'paid', 29, 29)");
  mirror_.Store(InvoicePaymentEvent{.invoice = "in_old"}.Body());
  mirror_.Store(RefundEvent{}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value(kRefunded), "in_old 1000 10.00");
}

TEST_F(RefundTest, WithoutAmountAreParkedAsUnreadable) {
  mirror_.Store(EventBody("evt_bare", "refund.created", kAsOfSeconds, R"("id":"re_9","object":"refund")"));
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_bare"), "parked unreadable_shape");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_refunds"), "0");
}

}  // namespace
}  // namespace billsync::testing
