#include "billsync/stripe/event.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

TEST(Envelope, ReadsASnapshotEvent) {
  const auto envelope = ReadEnvelope(
      R"({"id":"evt_1","object":"event","api_version":"2025-02-24.acacia","account":"acct_1","created":1794297600,
          "livemode":true,"type":"invoice.paid","pending_webhooks":1,
          "data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1"}}})");
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->id, "evt_1");
  EXPECT_EQ(envelope->type, "invoice.paid");
  EXPECT_EQ(envelope->object_type, "invoice");
  EXPECT_EQ(envelope->object_id, "in_1");
  EXPECT_EQ(envelope->customer, "cus_1");
  EXPECT_EQ(envelope->api_version, "2025-02-24.acacia");
  EXPECT_EQ(envelope->account, "acct_1");
  EXPECT_EQ(envelope->created, At(kStart));
  EXPECT_TRUE(envelope->livemode);
  EXPECT_FALSE(envelope->thin);
}

TEST(Envelope, ReadsAThinEvent) {
  const auto envelope = ReadEnvelope(
      R"({"id":"evt_thin","object":"v2.core.event","type":"v1.customer.subscription.updated","livemode":false,
          "created":"2026-11-10T08:00:00.000Z",
          "related_object":{"id":"sub_1","type":"subscription","url":"/v1/subscriptions/sub_1"}})");
  ASSERT_TRUE(envelope);
  EXPECT_TRUE(envelope->thin);
  EXPECT_EQ(envelope->created, At(kStart));
  EXPECT_EQ(envelope->object_type, "subscription");
  EXPECT_EQ(envelope->object_id, "sub_1");
}

TEST(Envelope, ReadsAThinEventAboutNothing) {
  const auto envelope = ReadEnvelope(
      R"({"id":"evt_thin","object":"v2.core.event","type":"v1.invoice.upcoming","created":"2026-11-10T08:00:00+00:00",
          "related_object":null})");
  ASSERT_TRUE(envelope);
  EXPECT_FALSE(envelope->object_id);
  EXPECT_EQ(envelope->created, At(kStart));
}

TEST(Envelope, FindsTheCustomerWhereverItIs) {
  struct Row {
    const char* object;
    std::optional<std::string> customer;
  };
  const std::vector<Row> rows{
      {R"({"object":"invoice","customer":"cus_1"})", "cus_1"},
      {R"({"object":"invoice","customer":{"id":"cus_2","object":"customer"}})", "cus_2"},
      {R"({"object":"customer","id":"cus_3"})", "cus_3"},
      {R"({"object":"invoice","customer":null,"customer_account":"acct_4"})", "acct_4"},
      {R"({"object":"invoice","customer":null})", std::nullopt},
      {R"({"object":"payment_intent"})", std::nullopt},
  };
  for (const auto& row : rows) {
    const auto envelope = ReadEnvelope(Event("evt_1", "x.y", 0, row.object).payload);
    ASSERT_TRUE(envelope) << row.object;
    EXPECT_EQ(envelope->customer, row.customer) << row.object;
  }
}

TEST(Envelope, KeepsAnEventWhoseDataNobodyUnderstands) {
  const auto envelope = ReadEnvelope(R"({"id":"evt_1","object":"event","type":"invoice.paid","created":1767225600})");
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->object_type, "");
  EXPECT_FALSE(envelope->object_id);
}

TEST(Envelope, RefusesWhatIsNoEventWithAStableCode) {
  const std::string long_id(256, 'x');
  struct Row {
    std::string body;
    const char* code;
  };
  const std::vector<Row> rows{
      {"", "body_not_json"},
      {"[1", "body_not_json"},
      {std::string("{}\0", 3), "body_nul"},
      {"{\"id\":\"\xFF\"}", "body_bad_utf8"},
      {std::string(100, '['), "body_too_deep"},
      {"[]", "not_an_event"},
      {R"({"id":"cus_1","object":"customer"})", "not_an_event"},
      {R"({"id":"evt_1","object":"event","livemode":"no","type":"a","created":1})", "not_an_event"},
      {R"({"object":"event","type":"a","created":1})", "event_id_invalid"},
      {R"({"id":7,"object":"event","type":"a","created":1})", "event_id_invalid"},
      {R"({"id":"","object":"event","type":"a","created":1})", "event_id_invalid"},
      {R"({"id":"a\nb","object":"event","type":"a","created":1})", "event_id_invalid"},
      {R"({"id":")" + long_id + R"(","object":"event","type":"a","created":1})", "event_id_invalid"},
      {Event("evt_1", "a", 0, R"({"id":")" + long_id + R"("})").payload, "event_id_invalid"},
      {Event("evt_1", "a", 0, R"({"customer":"a\u0007"})").payload, "event_id_invalid"},
      {R"({"id":"evt_1","object":"event","created":1})", "event_type_invalid"},
      {R"({"id":"evt_1","object":"event","type":"a\u0001","created":1})", "event_type_invalid"},
      {R"({"id":"evt_1","object":"event","type":"a"})", "event_created_invalid"},
      {R"({"id":"evt_1","object":"event","type":"a","created":1794297600000})", "event_created_invalid"},
      {R"({"id":"evt_1","object":"event","type":"a","created":-1})", "event_created_invalid"},
      {R"({"id":"evt_1","object":"event","type":"a","created":1.5})", "event_created_invalid"},
      {R"({"id":"evt_1","object":"event","type":"a","created":"1"})", "event_created_invalid"},
      {R"({"id":"evt_1","object":"v2.core.event","type":"a","created":1794297600})", "event_created_invalid"},
      {R"({"id":"evt_1","object":"v2.core.event","type":"a","created":"yesterday"})", "event_created_invalid"},
  };
  for (const auto& row : rows) {
    const auto envelope = ReadEnvelope(row.body);
    ASSERT_FALSE(envelope) << row.body;
    EXPECT_EQ(Code(envelope.error()), row.code) << row.body;
  }
}

TEST(Envelope, AcceptsAnIdOfTheGreatestLength) {
  EXPECT_TRUE(ReadEnvelope(R"({"id":")" + std::string(255, 'x') + R"(","object":"event","type":"a","created":1})"));
}

TEST(Envelope, KeepsASummaryOfEntitlementsUnderItsCustomer) {
  const auto of = [](const std::string& customer) {
    return ReadEnvelope(
        R"({"id":"evt_1","object":"event","type":"entitlements.active_entitlement_summary.updated","created":1,
            "data":{"object":{"object":"entitlements.active_entitlement_summary",)" +
        customer + "}}}");
  };
  EXPECT_EQ(of(R"("customer":"cus_1")")->object_id, "entitlements:cus_1");
  EXPECT_EQ(of(R"("customer":"cus_1")")->customer, "cus_1");
  EXPECT_EQ(of(R"("customer":{"id":"cus_1"})")->object_id, "entitlements:cus_1");
  EXPECT_EQ(of(R"("customer":null,"customer_account":"acct_1")")->object_id, "entitlements:acct_1");
  EXPECT_EQ(of(R"("customer":null)")->object_id, std::nullopt);
  EXPECT_EQ(of(R"("customer":7)")->object_id, std::nullopt);
}

}  // namespace
}  // namespace billsync::stripe
