// Which user a Stripe customer is linked to, and by what.
#include <gtest/gtest.h>

#include <algorithm>

#include "apply/customers_sql.h"
#include "money_events.h"
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

// An applier that began before the link was made may be trying the event while it is made.
TEST_F(LinkTest, ReachesAnEventThatIsBeingTriedWhileTheLinkIsMade) {
  AddUser(mirror_.database, 1);
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  {
    const auto other = mirror_.database.Connect();
    db::Transaction trying(*other);
    trying.Exec("test", "SELECT id FROM stripe_events WHERE status = 'parked' FOR UPDATE", {});
    mirror_.database.Run("UPDATE users SET stripe_customer_id = 'cus_1' WHERE id = '" + UserId(1) + "'");
    mirror_.Apply();
    EXPECT_EQ(mirror_.StatusOf("evt_1"), "parked unknown_customer");
    trying.Commit();
  }
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_1"), "applied");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_missed_releases"), "0");
}

TEST_F(LinkTest, ReachesAnEventThatIsBeingTriedWhileItsRateIsAdded) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Store(InvoiceEvent{.currency = "eur"}.Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "parked missing_exchange_rate");
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
  {
    const auto other = mirror_.database.Connect();
    db::Transaction trying(*other);
    trying.Exec("test", "SELECT id FROM stripe_events WHERE status = 'parked' FOR UPDATE", {});
    mirror_.database.Run("INSERT INTO billing_fx_rates VALUES ('eur', '2020-01-01', 1.1)");
    trying.Commit();
  }
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_missed_releases"), "0");
}

// What a release had to skip is one event; the others are not tried again and again until it is free.
TEST_F(LinkTest, MissedByOneEventIsNotReleasedForTheOthersAgain) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  for (const std::string n : {"1", "2", "3"}) {
    mirror_.Store(InvoiceEvent{.event = "evt_" + n, .id = "in_" + n, .currency = "eur"}.Body());
  }
  mirror_.Apply();
  const auto other = mirror_.database.Connect();
  db::Transaction trying(*other);
  trying.Exec("test", "SELECT id FROM stripe_events WHERE id = 'evt_1' FOR UPDATE", {});
  mirror_.database.Run("INSERT INTO billing_fx_rates VALUES ('chf', '2020-01-01', 1.1)");
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT event_id FROM billing_missed_releases"), "evt_1");
  mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '1 hour' WHERE id <> 'evt_1'");
  EXPECT_EQ(mirror_.Apply(), 0U);
  trying.Commit();
  EXPECT_EQ(mirror_.Apply(), 1U);
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_missed_releases"), "0");
}

TEST_F(LinkTest, IsNotUndoneByWhoReadTheCustomerBeforeIt) {
  AddUser(mirror_.database, 1);
  const auto upsert = [&](const std::optional<std::string>& user, const std::optional<std::string>& by) {
    const auto session = mirror_.pool().Acquire();
    db::Transaction tx(*session);
    db::ArrayColumns rows(5);
    rows.AddRow(db::Params::Of("cus_1", user, by, nullptr, false));
    tx.Exec(apply::sql::kUpsertCustomers, rows.ToParams());
    tx.Commit();
  };
  upsert(UserId(1), "metadata");
  upsert(std::nullopt, std::nullopt);
  EXPECT_EQ(mirror_.database.Value("SELECT user_id || ' ' || linked_by FROM billing_customers"),
            UserId(1) + " metadata");
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

// What a session says by each of its events; the link does not ask whether anything was paid.
TEST_F(LinkTest, ByACheckoutWhateverBecameOfItsPayment) {
  const std::vector<std::pair<std::string, std::string>> ends = {
      {"completed", R"("status":"complete","payment_status":"paid")"},
      {"completed", R"("status":"complete","payment_status":"unpaid")"},
      {"completed", R"("status":"complete","payment_status":"no_payment_required")"},
      {"async_payment_succeeded", R"("status":"complete","payment_status":"paid")"},
      {"async_payment_failed", R"("status":"complete","payment_status":"unpaid")"},
      {"expired", R"("status":"expired","payment_status":"unpaid")"},
      {"completed", R"("status":"complete","payment_status":"of_a_later_version")"}};
  int number = 0;
  for (const auto& [verb, members] : ends) {
    const std::string n = std::to_string(++number);
    AddUser(mirror_.database, number);
    mirror_.Store(EventBody("evt_cs_" + n, "checkout.session." + verb, kAsOfSeconds - 100,
                            R"("id":"cs_)" + n + R"(","object":"checkout.session","customer":"cus_)" + n +
                                R"(","client_reference_id":")" + UserId(number) + "\"," + members));
    mirror_.Apply();
    EXPECT_EQ(LinkOf("cus_" + n), "0" + n + " checkout_reference") << verb << " " << members;
    EXPECT_EQ(mirror_.StatusOf("evt_cs_" + n), "applied");
    EXPECT_EQ(mirror_.PlanOf(number), "free 100") << "a session entitles to nothing";
  }
}

TEST_F(LinkTest, IsNotMadeByACheckoutWithoutCustomer) {
  AddUser(mirror_.database, 1);
  mirror_.Store(EventBody(
      "evt_guest", "checkout.session.completed", kAsOfSeconds - 100,
      R"("id":"cs_1","object":"checkout.session","customer":null,"client_reference_id":")" + UserId(1) + "\""));
  mirror_.Apply();
  EXPECT_EQ(mirror_.StatusOf("evt_guest"), "ignored no_customer");
  EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM billing_customers"), "0");
}

TEST_F(LinkTest, OutlivesTheCustomer) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Store(CustomerEvent{.type = "customer.deleted", .created = kAsOfSeconds - 100}.Body());
  mirror_.Apply();
  mirror_.Store(CustomerEvent{.event = "evt_late", .type = "customer.updated", .created = kAsOfSeconds - 50}.Body());
  mirror_.Store(InvoiceEvent{}.Body());
  mirror_.Store(SubscriptionEvent{
      .event = "evt_end", .type = "customer.subscription.deleted", .created = kAsOfSeconds - 100, .status = "canceled"}
                    .Body());
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT deleted::text FROM billing_customers"), "true");
  EXPECT_EQ(LinkOf("cus_1"), "01 users_row");
  EXPECT_EQ(mirror_.StatusOf("evt_2"), "applied");
  EXPECT_EQ(mirror_.PlanOf(1), "free 100");
}

// Three events of equal rank name three users: that of the oldest counts, whichever way they come in one batch.
TEST_F(LinkTest, GoesToTheUserThatTheOldestOfEqualEvidenceNames) {
  std::vector<std::string> bodies = {
      SubscriptionEvent{.event = "evt_c", .created = kAsOfSeconds - 300, .metadata = MetadataOf(3)}.Body(),
      SubscriptionEvent{.event = "evt_b", .created = kAsOfSeconds - 400, .id = "sub_2", .metadata = MetadataOf(2)}
          .Body(),
      CustomerEvent{.event = "evt_a", .created = kAsOfSeconds - 400, .metadata = MetadataOf(1)}.Body(),
      CheckoutEvent{.event = "evt_0", .created = kAsOfSeconds - 900, .client_reference_id = UserId(3)}.Body()};
  std::ranges::sort(bodies);
  do {
    mirror_.Clear();
    for (int user = 1; user <= 3; ++user) AddUser(mirror_.database, user);
    for (const auto& body : bodies) mirror_.Store(body);
    mirror_.Apply();
    ASSERT_EQ(LinkOf("cus_1"), "01 metadata");
  } while (std::ranges::next_permutation(bodies).found);
}

// The same across batches, as long as nobody the evidence names exists.
TEST_F(LinkTest, GoesToTheUserOfTheOldestEvidenceThoughItCameInOtherBatches) {
  std::vector<std::string> bodies = {
      SubscriptionEvent{.event = "evt_c", .created = kAsOfSeconds - 300, .metadata = MetadataOf(3)}.Body(),
      SubscriptionEvent{.event = "evt_b", .created = kAsOfSeconds - 400, .id = "sub_2", .metadata = MetadataOf(2)}
          .Body(),
      CustomerEvent{.event = "evt_a", .created = kAsOfSeconds - 500, .metadata = R"({"user_id":"tenant-7"})"}.Body()};
  std::ranges::sort(bodies);
  do {
    mirror_.Clear();
    for (const auto& body : bodies) {
      mirror_.Store(body);
      mirror_.Apply(DemoOptions(1));
    }
    mirror_.database.Run("UPDATE stripe_events SET next_attempt_at = now() + interval '10 minutes'");
    mirror_.database.Run(
        "INSERT INTO users (id, email) SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, n || '@example.com' "
        "FROM generate_series(2, 3) n");
    mirror_.Apply();
    ASSERT_EQ(LinkOf("cus_1"), "02 metadata");
  } while (std::ranges::next_permutation(bodies).found);
}

}  // namespace
}  // namespace billsync::testing
