// Every reason for which an event is parked, with everything that releases it: a table over the closed list.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "billsync/billing/event_reason.h"
#include "stage.h"

namespace billsync::testing {
namespace {

using billing::ParkReason;

const std::string kUser = "00000000-0000-4000-8000-000000000001";

struct Release {
  std::string what;
  ParkReason reason;
  std::string body;  // the event that is parked, evt_1
  std::function<void(Stage&)> mend;
};

std::string InvoiceIn(const std::string& currency) {
  return InvoiceEvent{.event = "evt_1", .currency = currency}.Body();
}

// An event of the catalog that gives a price (or its product) a tier by metadata.
LifeEvent CatalogEvent(const std::string& object, const std::string& id) {
  JsonFields fields = {{"id", "\"" + id + "\""}, {"object", "\"" + object + "\""},
                       {"active", "true"},       {"name", "\"Agents\""},
                       {"livemode", "false"},    {"metadata", R"({"plan_tier":"pro"})"}};
  if (object == "price") fields["product"] = "\"prod_1\"";
  return MakeEvent("evt_catalog", object + ".updated", kAsOfSeconds, fields, {}, false);
}

Subscription UnmappedSubscription() {
  Subscription s;
  s.id = "sub_1";
  s.customer = "cus_1";
  s.status = "active";
  s.price = "price_new";
  s.currency = "usd";
  s.amount = 100;
  s.created = s.period_start = kAsOfSeconds - 86400;
  s.period_end = kAsOfSeconds + 86400;
  return s;
}

std::string UnmappedBody() {
  return MakeEvent("evt_1", "customer.subscription.created", kAsOfSeconds - 60, FieldsOf(UnmappedSubscription(), false),
                   {}, false)
      .body;
}

void Retry(Stage& stage) {
  EXPECT_EQ(apply::RetryEvents(*stage.mirror.pool().Acquire(), {"evt_1"}), 1);
}

std::vector<Release> Releases() {
  const std::string unreadable = R"({"id":"evt_1","object":"event","type":"invoice.paid","created":1795172400,"data":)"
                                 R"({"object":{"id":"in_1","customer":"cus_1","currency":"usd","total":"much"}}})";
  return {
      {"the user's row gets the customer", ParkReason::kUnknownCustomer, InvoiceIn("usd"),
       [](Stage& stage) { stage.Link(kUser, "cus_1"); }},
      {"a user comes with the customer", ParkReason::kUnknownCustomer, InvoiceIn("usd"),
       [](Stage& stage) { stage.AddUser(LifeUserId(2), "cus_1"); }},
      {"the customer names its user", ParkReason::kUnknownCustomer, InvoiceIn("usd"),
       [](Stage& stage) { stage.mirror.Store(CustomerEvent{.metadata = R"({"user_id":")" + kUser + "\"}"}.Body()); }},
      {"a Checkout Session names its user", ParkReason::kUnknownCustomer, InvoiceIn("usd"),
       [](Stage& stage) { stage.mirror.Store(CheckoutEvent{.client_reference_id = kUser}.Body()); }},
      {"the user whom a subscription names comes", ParkReason::kUnknownCustomer,
       SubscriptionEvent{.metadata = R"({"user_id":")" + LifeUserId(2) + "\"}"}.Body(),
       [](Stage& stage) { stage.AddUser(LifeUserId(2), ""); }},
      {"a plan map with the price", ParkReason::kUnmappedPrice, UnmappedBody(),
       [](Stage& stage) { stage.AdoptPlans(2); }},
      {"the price says its tier", ParkReason::kUnmappedPrice, UnmappedBody(),
       [](Stage& stage) { stage.Store({CatalogEvent("price", "price_new")}); }},
      {"the product says its tier", ParkReason::kUnmappedPrice, UnmappedBody(),
       [](Stage& stage) { stage.Store({CatalogEvent("product", "prod_of_price_new")}); }},
      {"an invoice's rate", ParkReason::kMissingExchangeRate, InvoiceIn("eur"),
       [](Stage& stage) { stage.AddRate("eur"); }},
      {"a subscription's rate", ParkReason::kMissingExchangeRate, SubscriptionEvent{.currency = "eur"}.Body(),
       [](Stage& stage) { stage.AddRate("eur"); }},
      // A program that reads the shape is stood for by a payload that this one reads.
      {"a release that reads the shape, and a retry", ParkReason::kUnreadableShape, unreadable,
       [](Stage& stage) {
         stage.mirror.database.Run("UPDATE stripe_events SET payload = replace(payload, '\"much\"', '100')");
         Retry(stage);
       }},
      {"the mended cause, and a retry", ParkReason::kApplyFailed, SubscriptionEvent{}.Body(),
       [](Stage& stage) {
         stage.mirror.database.Run("ALTER TABLE users DROP CONSTRAINT platform_says");
         Retry(stage);
       }},
  };
}

// The customer is linked but where that is what is missing; plan map 1 does not know the new price.
void SetTheScene(Stage& stage, const Release& release) {
  stage.Clear();
  stage.AdoptPlans(1);
  stage.AddUser(kUser, release.reason == ParkReason::kUnknownCustomer ? "" : "cus_1");
  if (release.reason != ParkReason::kApplyFailed) return;
  stage.mirror.database.Run("ALTER TABLE users ADD CONSTRAINT platform_says CHECK (plan_tier = 'free')");
}

TEST(ParkReasons, EachIsReleasedByItsCausesAndByNothingElse) {
  Stage stage;
  for (const Release& release : Releases()) {
    SCOPED_TRACE(release.what);
    SetTheScene(stage, release);
    stage.mirror.Store(release.body);
    stage.ApplyAll(10);
    EXPECT_EQ(stage.mirror.StatusOf("evt_1"), "parked " + std::string(Code(release.reason)));
    // After many attempts nothing but the release comes soon.
    stage.mirror.database.Run(
        "UPDATE stripe_events SET attempts = 12, next_attempt_at = now() + interval '10 minutes'");
    stage.ApplyAll(10);
    EXPECT_EQ(stage.mirror.database.Value("SELECT attempts FROM stripe_events"), "12");
    release.mend(stage);
    stage.ApplyAll(10);
    EXPECT_EQ(stage.mirror.StatusOf("evt_1"), "applied");
  }
}

TEST(ParkReasons, EachHasARelease) {
  std::set<std::string_view> released, all;
  for (const Release& release : Releases()) released.insert(Code(release.reason));
  for (int n = 0; !Code(static_cast<ParkReason>(n)).empty(); ++n) {
    all.insert(Code(static_cast<ParkReason>(n)));
    EXPECT_FALSE(WayOut(static_cast<ParkReason>(n)).empty()) << n;
  }
  EXPECT_EQ(released, all);
}

}  // namespace
}  // namespace billsync::testing
