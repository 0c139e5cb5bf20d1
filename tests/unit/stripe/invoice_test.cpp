#include "billsync/stripe/invoice.h"

#include <gtest/gtest.h>

#include "billsync/stripe/checkout_session.h"
#include "billsync/stripe/customer.h"
#include "event_text.h"

namespace billsync::stripe {
namespace {

Invoice Decoded(const std::string& text) {
  const auto document = Parsed(text);
  auto decoded = DecodeInvoice(document.Root());
  if (!decoded) throw std::runtime_error(decoded.error());
  return *std::move(decoded);
}

TEST(InvoiceShape, FindsTheSubscriptionOnBothSidesOfBasil) {
  EXPECT_EQ(Decoded(Inv("open", R"(,"subscription":"sub_1")")).subscription, "sub_1");
  EXPECT_EQ(Decoded(Inv("open", R"(,"subscription":{"id":"sub_1"})")).subscription, "sub_1");
  EXPECT_EQ(Decoded(Inv("open", R"(,"parent":{"type":"subscription_details","subscription_details":
      {"subscription":"sub_1","metadata":{}}})"))
                .subscription,
            "sub_1");
  EXPECT_EQ(Decoded(Inv("open", R"(,"subscription":"sub_1","parent":{"type":"subscription_details",
      "subscription_details":{"subscription":"sub_1"}})"))
                .subscription,
            "sub_1");
  EXPECT_FALSE(Decoded(Inv("open", R"(,"parent":null)")).subscription);
  EXPECT_FALSE(Decoded(Inv("open", R"(,"parent":{"type":"quote_details","subscription_details":null})")).subscription);
}

TEST(InvoiceShape, ReadsEveryField) {
  const auto invoice = Decoded(
      R"({"id":"in_1","object":"invoice","customer":"cus_1","status":"paid","currency":"jpy","total":-5,"amount_due":0,
          "amount_paid":3,"amount_remaining":4,"pre_payment_credit_notes_amount":6,
          "post_payment_credit_notes_amount":7,"number":"A-1","billing_reason":"manual","hosted_invoice_url":"https://x",
          "collection_method":"send_invoice","created":1,"due_date":2,"period_start":3,"period_end":4,
          "status_transitions":{"finalized_at":5,"paid_at":6,"voided_at":null,"marked_uncollectible_at":7},
          "attempt_count":8,"attempted":true,"next_payment_attempt":9,"metadata":{"k":"v"},"livemode":true,
          "lines":{"data":[{"period":{"start":30,"end":40}},{"period":{"start":20,"end":35}}],"has_more":false}})");
  EXPECT_EQ(invoice.total, -5);
  EXPECT_EQ(invoice.amount_due, 0);
  EXPECT_EQ(invoice.amount_paid, 3);
  EXPECT_EQ(invoice.amount_remaining, 4);
  EXPECT_EQ(invoice.pre_payment_credit_notes_amount, 6);
  EXPECT_EQ(invoice.post_payment_credit_notes_amount, 7);
  EXPECT_EQ(invoice.number, "A-1");
  EXPECT_EQ(invoice.due_date, At(2));
  EXPECT_EQ(invoice.period_start, At(3));
  EXPECT_EQ(invoice.service_period_start, At(20));
  EXPECT_EQ(invoice.service_period_end, At(40));
  EXPECT_EQ(invoice.finalized_at, At(5));
  EXPECT_EQ(invoice.paid_at, At(6));
  EXPECT_FALSE(invoice.voided_at);
  EXPECT_EQ(invoice.marked_uncollectible_at, At(7));
  EXPECT_EQ(invoice.attempt_count, 8);
  EXPECT_TRUE(invoice.attempted);
  EXPECT_EQ(invoice.next_payment_attempt, At(9));
  EXPECT_EQ(invoice.metadata.at("k"), "v");
  EXPECT_TRUE(invoice.livemode);
}

TEST(InvoiceShape, TakesThePaidFlagWhereThereIsNoStatus) {
  EXPECT_EQ(Decoded(R"({"id":"in_1","paid":true})").status, "paid");
  EXPECT_EQ(Decoded(R"({"id":"in_1","paid":true,"status":"open"})").status, "open");
  EXPECT_FALSE(Decoded(R"({"id":"in_1","paid":false,"status":null})").status);
}

TEST(InvoiceShape, KnowsAPreview) {
  EXPECT_TRUE(IsPreview(Decoded(R"({"object":"invoice","status":"draft"})")));
  EXPECT_TRUE(IsPreview(Decoded(R"({"id":null,"object":"invoice"})")));
  EXPECT_TRUE(IsPreview(Decoded(R"({"id":"upcoming_in_1","object":"invoice"})")));
  EXPECT_FALSE(IsPreview(Decoded(R"({"id":"in_1","object":"invoice"})")));
}

TEST(InvoiceShape, RefusesMoneyThatIsNotWhole) {
  for (const char* amount : {"1.0", "1e2", "\"1\"", "9223372036854775808", "true"}) {
    const auto document = Parsed(Inv("open", std::string(R"(,"total":)") + amount));
    const auto decoded = DecodeInvoice(document.Root());
    ASSERT_FALSE(decoded) << amount;
    EXPECT_EQ(decoded.error(), "data.object.total is not a whole number of 64 bits");
  }
}

TEST(CustomerShape, ReadsADeletedStub) {
  const auto document = Parsed(R"({"id":"cus_1","object":"customer","deleted":true})");
  const auto customer = DecodeCustomer(document.Root());
  ASSERT_TRUE(customer);
  EXPECT_TRUE(customer->deleted);
  EXPECT_FALSE(customer->email);
}

TEST(CustomerShape, ReadsEmailAndMetadata) {
  const auto document = Parsed(R"({"id":"cus_1","object":"customer","email":"a@b.c","metadata":{"user_id":"u"}})");
  const auto customer = DecodeCustomer(document.Root());
  ASSERT_TRUE(customer);
  EXPECT_EQ(customer->email, "a@b.c");
  EXPECT_EQ(customer->metadata.at("user_id"), "u");
}

TEST(CheckoutSessionShape, ReadsWhatLinks) {
  const auto document = Parsed(
      R"({"id":"cs_1","object":"checkout.session","customer":"cus_1","subscription":{"id":"sub_1"},
          "client_reference_id":"u","mode":"subscription","status":"complete","payment_status":"paid"})");
  const auto session = DecodeCheckoutSession(document.Root());
  ASSERT_TRUE(session);
  EXPECT_EQ(session->customer, "cus_1");
  EXPECT_EQ(session->subscription, "sub_1");
  EXPECT_EQ(session->client_reference_id, "u");
  EXPECT_EQ(session->mode, "subscription");
  EXPECT_EQ(session->payment_status, "paid");
}

}  // namespace
}  // namespace billsync::stripe
