// Which user a Stripe customer is linked to, and by what.
#include <gtest/gtest.h>

#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

class LinkTest : public ::testing::Test {
 protected:
  // "<user's number> <by>", or "-" for a customer without a link.
  std::string LinkOf(const std::string& customer) {
    return mirror_.database.Value(
        "SELECT coalesce(max(right(user_id::text, 2) || ' ' || linked_by), '-') FROM billing_customers WHERE "
        "stripe_customer_id = '" +
        customer + "'");
  }
  std::string MetadataOf(int user) { return R"({"user_id":")" + UserId(user) + "\"}"; }

  Mirror mirror_;
};

TEST_F(LinkTest, ByTheUsersRow) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 users_row");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(LinkTest, ByMetadataOfTheSubscriptionWhichFillsTheUsersRow) {
  AddUser(mirror_.database, 1);
  mirror_.Store(SubscriptionEvent{.metadata = MetadataOf(1)}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 metadata");
  EXPECT_EQ(mirror_.database.Value("SELECT stripe_customer_id FROM users WHERE id = '" + UserId(1) + "'"), "cus_1");
}

TEST_F(LinkTest, ByMetadataOfTheCustomerInAnySpellingOfTheId) {
  AddUser(mirror_.database, 1, {{"id", "'abcdef00-0000-4000-8000-000000000001'"}});
  mirror_.Store(CustomerEvent{.metadata = R"({"user_id":"ABCDEF00-0000-4000-8000-000000000001"})"}.Body());
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 metadata");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
}

TEST_F(LinkTest, ByTheReferenceOfACheckoutThatComesLast) {
  AddUser(mirror_.database, 1);
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unknown_customer");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "parked unknown_customer");
  mirror_.Store(CheckoutEvent{.client_reference_id = UserId(1)}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 checkout_reference");
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
}

TEST_F(LinkTest, NotByATextThatIsNoUser) {
  AddUser(mirror_.database, 1);
  mirror_.Store(CheckoutEvent{.client_reference_id = "order 4711"}.Body());
  mirror_.Store(SubscriptionEvent{.metadata = R"({"user_id":"' OR 1=1 --"})"}.Body());
  mirror_.Store(
      SubscriptionEvent{.event = "evt_9", .id = "sub_9", .customer = "cus_9", .metadata = MetadataOf(77)}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "-");
  EXPECT_EQ(LinkOf("cus_9"), "-");
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unknown_customer");
}

TEST_F(LinkTest, ByEMailOnlyWhenConfiguredVerifiedAndUnique) {
  AddUser(mirror_.database, 1, {{"email_verified", "true"}});
  AddUser(mirror_.database, 2, {{"email_verified", "false"}});
  AddUser(mirror_.database, 3, {{"email_verified", "true"}, {"email", "'twin@example.com'"}});
  AddUser(mirror_.database, 4, {{"email_verified", "true"}, {"email", "'TWIN@example.com'"}});
  AddUser(mirror_.database, 5, {{"email_verified", "true"}, {"deleted_at", "now()"}});
  int number = 0;
  for (const char* email : {"User01@Example.com", "user02@example.com", "twin@example.com", "user05@example.com"}) {
    const std::string n = std::to_string(++number);
    mirror_.Store(CustomerEvent{.event = "evt_c" + n, .id = "cus_" + n, .email = email}.Body());
  }
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "-") << "linking by e-mail was not asked for";

  mirror_.database.Run("UPDATE stripe_events SET status = 'received', reason = NULL, next_attempt_at = now()");
  auto options = DemoOptions();
  options.link_by_email = true;
  mirror_.Apply(options);
  EXPECT_EQ(LinkOf("cus_1"), "01 email");
  EXPECT_EQ(LinkOf("cus_2"), "-") << "not verified";
  EXPECT_EQ(LinkOf("cus_3"), "-") << "two users share the address";
  EXPECT_EQ(LinkOf("cus_4"), "-") << "the user is deleted";
}

TEST_F(LinkTest, StaysWhateverLaterEvidenceSays) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  AddUser(mirror_.database, 2);
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Apply();
  mirror_.Store(SubscriptionEvent{.metadata = MetadataOf(2)}.Body());
  mirror_.Store(CheckoutEvent{.client_reference_id = UserId(2)}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 users_row");
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000");
  EXPECT_EQ(mirror_.PlanOf(2), "free 100");
}

TEST_F(LinkTest, GivesOneUserSeveralCustomersAndTheHighestTier) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Store(SubscriptionEvent{.event = "evt_8",
                                  .id = "sub_8",
                                  .customer = "cus_8",
                                  .price = "price_demo_enterprise_monthly",
                                  .metadata = MetadataOf(1)}
                    .Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 users_row");
  EXPECT_EQ(LinkOf("cus_8"), "01 metadata");
  EXPECT_EQ(mirror_.PlanOf(1), "enterprise 10000");
  EXPECT_EQ(mirror_.database.Value("SELECT stripe_customer_id FROM users WHERE id = '" + UserId(1) + "'"), "cus_1");
  mirror_.Store(SubscriptionEvent{.event = "evt_9",
                                  .type = "customer.subscription.deleted",
                                  .created = kAsOfSeconds,
                                  .id = "sub_8",
                                  .customer = "cus_8",
                                  .status = "canceled",
                                  .price = "price_demo_enterprise_monthly",
                                  .metadata = MetadataOf(1)}
                    .Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.PlanOf(1), "pro 1000") << "the other subscription still entitles";
}

TEST_F(LinkTest, ByHandMakesParkedEventsDueAtOnce) {
  AddUser(mirror_.database, 1);
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Store(SubscriptionEvent{.event = "evt_9", .id = "sub_9", .customer = "cus_9"}.Body());
  mirror_.Apply();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  mirror_.database.Run("UPDATE users SET stripe_customer_id = 'cus_1' WHERE id = '" + UserId(1) + "'");
  EXPECT_EQ(mirror_.database.Value("SELECT string_agg(id, ',') FROM stripe_events WHERE next_attempt_at <= now()"),
            "evt_1");
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.StatusOf("evt_9"), "parked unknown_customer");
}

TEST_F(LinkTest, OfANewUserMakesParkedEventsDueAtOnceToo) {
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Apply();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
}

TEST_F(LinkTest, WaitsForAUserWhoseRowComesAfterTheEvidence) {
  mirror_.Store(SubscriptionEvent{.metadata = MetadataOf(1)}.Body());
  mirror_.Store(CheckoutEvent{.customer = "cus_2", .client_reference_id = UserId(2)}.Body());
  mirror_.Store(InvoiceEvent{.customer = "cus_2"}.Body());
  mirror_.Apply();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  AddUser(mirror_.database, 1);
  AddUser(mirror_.database, 2);
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 metadata");
  EXPECT_EQ(LinkOf("cus_2"), "02 checkout_reference");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
}

TEST_F(LinkTest, IsNotBlockedByEvidenceThatNamesNobody) {
  AddUser(mirror_.database, 1);
  mirror_.Store(SubscriptionEvent{.metadata = R"({"user_id":"tenant-7"})"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unknown_customer");
  mirror_.Store(CustomerEvent{.type = "customer.updated", .created = kAsOfSeconds, .metadata = MetadataOf(1)}.Body());
  mirror_.Apply();
  EXPECT_EQ(LinkOf("cus_1"), "01 metadata");
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
}

}  // namespace
}  // namespace billsync::testing
