// Explanations of objects as a real database holds them.
#include "billsync/apply/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "billsync/stripe/event.h"
#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

using apply::Explanation;
using apply::Standing;

class Explain : public ::testing::Test {
 protected:
  std::optional<Explanation> Of(const std::string& object_id, int64_t limit = 50) {
    return apply::ExplainObject(*mirror_.pool().Acquire(), object_id, limit);
  }
  // What ForEachEventLeftOut visits, in its order.
  std::vector<std::string> LeftOut(const Explanation& shown) {
    std::vector<std::string> ids;
    apply::ForEachEventLeftOut(*mirror_.pool().Acquire(), shown, [&](const auto& one) { ids.push_back(one.event.id); });
    return ids;
  }
  void StoreNumbered(int number, const std::string& status, long long created) {
    char id[16];
    std::snprintf(id, sizeof id, "evt_%05d", number);
    mirror_.Store(SubscriptionEvent{.event = id, .created = created, .status = status}.Body());
  }

  Mirror mirror_;
};

const apply::ExplainedColumn& Column(const Explanation& explanation, const std::string& name) {
  const auto found = std::ranges::find(explanation.columns, name, &apply::ExplainedColumn::name);
  if (found == explanation.columns.end()) throw std::runtime_error("no column " + name);
  return *found;
}

std::string Differences(const Explanation& explanation) {
  std::string text;
  for (const auto& column : explanation.columns) {
    if (column.differs) {
      text += column.name + ": " + column.value.value_or("NULL") + ", not " + column.expected.value_or("NULL") + "\n";
    }
  }
  return text;
}

// An event or a note: a column that a later migration adds has to be explained too.
void ExpectEveryColumnToComeFromSomewhere(const Explanation& explained) {
  // A row that no event of its own made, as a customer's known from other objects.
  if (explained.events.empty() || explained.events.front().standing != Standing::kWinner) return;
  for (const auto& column : explained.columns) {
    EXPECT_TRUE(column.event_id || !column.note.empty())
        << explained.table << "." << column.name << " of " << explained.object_id;
  }
}

TEST_F(Explain, KnowsNothingOfAnIdThatIsNowhere) {
  for (const char* id : {"sub_nowhere", "cus_nowhere", "in_nowhere", "", "evt_1", "'; --"}) EXPECT_FALSE(Of(id)) << id;
}

TEST_F(Explain, TellsARowFromItsEvents) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Store(SubscriptionEvent{.event = "evt_1", .created = kAsOfSeconds - 3600}.Body());
  mirror_.Store(SubscriptionEvent{.event = "evt_2", .created = kAsOfSeconds - 60, .status = "past_due"}.Body());
  mirror_.Apply();
  const auto explained = Of("sub_1");
  ASSERT_TRUE(explained);
  EXPECT_EQ(explained->kind, "subscription");
  EXPECT_EQ(explained->table, "billing_subscriptions");
  EXPECT_TRUE(explained->has_row);
  EXPECT_FALSE(explained->drift) << Differences(*explained);
  EXPECT_EQ(Column(*explained, "status").value, "past_due");
  EXPECT_EQ(Column(*explained, "status").event_id, "evt_2");
  EXPECT_EQ(Column(*explained, "past_due_since").event_id, "evt_2");
  EXPECT_EQ(Column(*explained, "plan_tier").value, "pro");
  EXPECT_EQ(Column(*explained, "user_id").value, UserId(1));
  ASSERT_EQ(explained->events.size(), 2U);
  EXPECT_EQ(explained->events[0].why, "the row shows it; later second than evt_1");
  EXPECT_EQ(explained->events[1].why, "older: lost to evt_2; nothing is below it");
  EXPECT_EQ(explained->events_left_out, 0);
  EXPECT_EQ(explained->link, std::nullopt);
}

TEST_F(Explain, SeesARowThatSomebodyElseWroteOrDeleted) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  ASSERT_FALSE(Of("sub_1")->drift);
  mirror_.database.Run("UPDATE billing_subscriptions SET status = 'canceled', ended_at = now()");
  EXPECT_TRUE(Of("sub_1")->drift);
  EXPECT_EQ(Column(*Of("sub_1"), "status").expected, "active");
  EXPECT_TRUE(Column(*Of("sub_1"), "ended_at").differs);
  mirror_.database.Run("DELETE FROM billing_subscriptions");
  EXPECT_TRUE(Of("sub_1")->drift);
  EXPECT_FALSE(Of("sub_1")->has_row);
  // What the command line advises.
  mirror_.database.Run("UPDATE stripe_events SET status = 'received', next_attempt_at = now() WHERE id = 'evt_1'");
  EXPECT_FALSE(Of("sub_1")->drift);
  EXPECT_EQ(Of("sub_1")->events_waiting, 1);
  mirror_.Apply();
  EXPECT_FALSE(Of("sub_1")->drift);
  EXPECT_TRUE(Of("sub_1")->has_row);
}

TEST_F(Explain, SaysWhatAParkedEventWaitsFor) {
  mirror_.Store(SubscriptionEvent{}.Body());
  mirror_.Apply();
  const auto explained = Of("sub_1");
  EXPECT_FALSE(explained->has_row);
  EXPECT_FALSE(explained->drift);
  EXPECT_EQ(explained->events_waiting, 1);
  EXPECT_EQ(Column(*explained, "status").value, "active");
  EXPECT_NE(explained->events.at(0).why.find("parked: unknown_customer"), std::string::npos);
  EXPECT_NE(explained->events.at(0).why.find("way out: set users.stripe_customer_id"), std::string::npos);
}

TEST_F(Explain, SaysWhatLinkedACustomer) {
  for (int user = 1; user <= 3; ++user) AddUser(mirror_.database, user);
  mirror_.database.Run("UPDATE users SET stripe_customer_id = 'cus_row' WHERE id = '" + UserId(3) + "'");
  mirror_.Store(
      CustomerEvent{.event = "evt_c1", .id = "cus_1", .metadata = R"({"user_id":")" + UserId(1) + "\"}"}.Body());
  mirror_.Store(CheckoutEvent{.event = "evt_cs", .customer = "cus_2", .client_reference_id = UserId(2)}.Body());
  mirror_.Store(CustomerEvent{.event = "evt_c3", .id = "cus_row"}.Body());
  mirror_.Store(CustomerEvent{.event = "evt_c4", .id = "cus_lost", .metadata = R"({"user_id":"nobody"})"}.Body());
  mirror_.Apply();
  const auto by_metadata = Of("cus_1");
  EXPECT_EQ(by_metadata->link->user_id, UserId(1));
  EXPECT_EQ(by_metadata->link->linked_by, "metadata");
  ASSERT_EQ(by_metadata->link->evidence.size(), 1U);
  EXPECT_EQ(by_metadata->link->evidence[0].event_id, "evt_c1");
  EXPECT_FALSE(by_metadata->drift) << Differences(*by_metadata);
  // Known from another object's event only.
  const auto by_reference = Of("cus_2");
  ASSERT_TRUE(by_reference);
  EXPECT_EQ(by_reference->link->linked_by, "checkout_reference");
  EXPECT_EQ(by_reference->link->evidence.at(0).event_id, "evt_cs");
  EXPECT_EQ(by_reference->events_total, 0);
  EXPECT_FALSE(by_reference->drift);
  EXPECT_EQ(Of("cus_row")->link->linked_by, "users_row");
  const auto lost = Of("cus_lost");
  EXPECT_EQ(lost->link->user_id, std::nullopt);
  EXPECT_EQ(lost->link->evidence.at(0).named_user, "nobody");
}

TEST_F(Explain, ShowsACheckoutSessionWithoutARow) {
  mirror_.Store(CheckoutEvent{.event = "evt_cs", .customer = "cus_2"}.Body());
  mirror_.Apply();
  const auto explained = Of("cs_evt_cs");
  ASSERT_TRUE(explained);
  EXPECT_EQ(explained->kind, "checkout session");
  EXPECT_EQ(explained->table, "");
  EXPECT_FALSE(explained->drift);
  EXPECT_EQ(explained->events.at(0).standing, Standing::kIgnored);
}

// 3,500 updates, most of them two a second: three pieces and a half.
TEST_F(Explain, ShowsTheNewestOfThousandsAndWhatStillSetsAValue) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  constexpr int kEvents = 3500;
  mirror_.database.Run(
      "INSERT INTO stripe_events (id, type, object_type, object_id, customer, created, livemode, payload) "
      "SELECT 'evt_' || to_char(n, 'FM00000'), 'invoice.updated', 'invoice', 'in_1', 'cus_1', "
      "to_timestamp(1790000000 + n / 2), false, "
      "'{\"data\":{\"object\":{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_1\",\"status\":\"open\","
      "\"currency\":\"usd\",\"total\":2900,\"amount_paid\":' || n || "
      "CASE n WHEN 700 THEN ',\"number\":\"A-1\"' ELSE '' END || '}}}' FROM generate_series(1, " +
      std::to_string(kEvents) + ") n");
  mirror_.Apply();
  const auto explained = Of("in_1");
  ASSERT_TRUE(explained);
  EXPECT_FALSE(explained->drift) << Differences(*explained);
  EXPECT_EQ(explained->events_total, kEvents);
  EXPECT_EQ(explained->events_left_out, kEvents - static_cast<int64_t>(explained->events.size()));
  EXPECT_LE(explained->events.size(), 53U);
  EXPECT_EQ(explained->events.at(0).event.id, "evt_03500");
  EXPECT_EQ(explained->events.at(1).event.id, "evt_03499");
  EXPECT_EQ(Column(*explained, "number").value, "A-1");
  EXPECT_EQ(Column(*explained, "number").event_id, "evt_00700");
  EXPECT_EQ(explained->events.back().event.id, "evt_00001") << "the creation's moment is the first event's";

  // Every event once, shown or visited, newest first.
  std::set<std::string> all;
  for (const auto& one : explained->events) all.insert(one.event.id);
  const auto rest = LeftOut(*explained);
  EXPECT_TRUE(std::ranges::is_sorted(rest, std::greater{}));
  EXPECT_EQ(static_cast<int64_t>(rest.size()), explained->events_left_out);
  all.insert(rest.begin(), rest.end());
  EXPECT_EQ(all.size(), static_cast<size_t>(kEvents));
}

// One full object of every kind that has a row, deleted and undeleted, old shapes among them.
TEST_F(Explain, FindsNoDriftInAnyKind) {
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  const struct {
    const char* kind;
    const char* type;
    const char* object;
  } cases[] = {
      {"price", "price.created",
       R"({"id":"price_1","object":"price","active":true,"currency":"usd","product":"prod_1","unit_amount":2900,
           "unit_amount_decimal":"2900","billing_scheme":"per_unit","nickname":"Pro","lookup_key":"pro","created":5,
           "recurring":{"interval":"year","interval_count":2},"metadata":{"plan_tier":"pro"},"livemode":false})"},
      {"price", "price.deleted", R"({"id":"price_2","object":"price","currency":"eur","unit_amount_decimal":"0.05"})"},
      {"product", "product.updated",
       R"({"id":"prod_1","object":"product","name":"Pro","active":false,"metadata":{"plan_tier":"pro"}})"},
      {"subscription schedule", "subscription_schedule.updated",
       R"({"id":"sub_sched_1","object":"subscription_schedule","customer":"cus_1","subscription":"sub_1",
           "status":"active","current_phase":{"start_date":100,"end_date":200},"end_behavior":"release",
           "phases":[{"start_date":100,"end_date":200,"items":[{"price":"price_1"}]}]})"},
      {"subscription schedule", "subscription_schedule.released",
       R"({"id":"sub_sched_2","object":"subscription_schedule","customer":"cus_1","subscription":null,
           "released_subscription":"sub_1","status":"released","phases":[]})"},
      {"charge", "charge.refunded",
       R"({"id":"ch_1","object":"charge","customer":"cus_1","payment_intent":"pi_1","invoice":"in_1","currency":"usd",
           "amount":2900,"amount_refunded":500,"status":"succeeded","created":7,"livemode":true})"},
      {"payment intent", "payment_intent.succeeded",
       R"({"id":"pi_1","object":"payment_intent","customer":"cus_1","latest_charge":"ch_1","currency":"usd",
           "amount":2900,"status":"succeeded","created":7})"},
      {"invoice payment", "invoice_payment.paid",
       R"({"id":"inpay_1","object":"invoice_payment","invoice":"in_1","amount_paid":2900,"currency":"usd","created":7,
           "status":"paid","payment":{"type":"payment_intent","payment_intent":"pi_1"},
           "status_transitions":{"paid_at":9}})"},
      {"refund", "refund.updated",
       R"({"id":"re_1","object":"refund","charge":"ch_1","payment_intent":"pi_1","currency":"usd","amount":500,
           "status":"succeeded","reason":"duplicate","created":8})"},
      {"credit note", "credit_note.voided",
       R"({"id":"cn_1","object":"credit_note","invoice":"in_1","customer":"cus_1","currency":"usd","amount":300,
           "status":"void","type":"post_payment","number":"CN-1","reason":"duplicate","created":8})"},
      {"discount", "customer.discount.created",
       R"({"id":"di_1","object":"discount","customer":"cus_1","subscription":"sub_1","start":5,"end":500,
           "coupon":{"id":"SPRING","percent_off":12.5},"promotion_code":"promo_1"})"},
      {"discount", "customer.discount.deleted",
       R"({"id":"di_2","object":"discount","customer":"cus_1","source":{"coupon":{"id":"c","amount_off":5,
           "currency":"usd"}}})"},
      {"active entitlements", "entitlements.active_entitlement_summary.updated",
       R"({"object":"entitlements.active_entitlement_summary","customer":"cus_1","livemode":false,
           "entitlements":{"data":[{"lookup_key":"b"},{"lookup_key":"a"}],"has_more":false}})"},
  };
  int number = 0;
  std::map<std::string, std::string> kinds;
  for (const auto& c : cases) {
    const std::string body = R"({"id":"evt_k)" + std::to_string(++number) + R"(","object":"event","type":")" + c.type +
                             R"(","created":)" + std::to_string(kAsOfSeconds - 100) +
                             R"(,"livemode":false,"data":{"object":)" + c.object + "}}";
    mirror_.Store(body);
    kinds[stripe::ReadEnvelope(body)->object_id.value()] = c.kind;
  }
  mirror_.Apply();
  for (const auto& [id, kind] : kinds) {
    const auto explained = Of(id);
    ASSERT_TRUE(explained) << id;
    EXPECT_EQ(explained->kind, kind);
    EXPECT_TRUE(explained->has_row) << id;
    EXPECT_FALSE(explained->drift) << id;
    EXPECT_EQ(Differences(*explained), "") << id;
    EXPECT_EQ(explained->events.at(0).standing, Standing::kWinner) << id;
    int by_event = 0;
    for (const auto& column : explained->columns) by_event += column.event_id.has_value() ? 1 : 0;
    EXPECT_GE(by_event, 7) << id;
    ExpectEveryColumnToComeFromSomewhere(*explained);
  }
}

// Bodies of all fixtures, those of one shape of one lifecycle apart from those of the other: they share their ids.
std::map<std::string, std::vector<std::string>> FixturesByShape() {
  std::map<std::string, std::vector<std::string>> bodies;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(BILLSYNC_SOURCE_DIR "/fixtures")) {
    const auto& path = entry.path();
    if (path.extension() != ".json" || path.filename() == "expected.json") continue;
    const auto text = ReadSource(std::filesystem::relative(path, BILLSYNC_SOURCE_DIR).string());
    const auto folder = path.parent_path().filename().string();
    const bool shape = folder == "acacia" || folder == "endive";
    if (stripe::ReadEnvelope(text)) bodies[shape ? folder : "events"].push_back(text);
  }
  return bodies;
}

// Whatever the applier makes of the fixtures is what the explanation says, column by column.
TEST_F(Explain, FindsNoDriftInAnyFixture) {
  std::set<std::string> kinds;
  for (const auto& [shape, bodies] : FixturesByShape()) {
    SCOPED_TRACE(shape);
    Mirror mirror;
    mirror.database.Run(
        "INSERT INTO billing_fx_rates SELECT c, '2020-01-01', 0.5 FROM unnest('{jpy,eur,kwd}'::text[]) c");
    std::set<std::string> customers, objects;
    for (const auto& body : bodies) {
      mirror.Store(body);
      const auto envelope = stripe::ReadEnvelope(body);
      if (envelope->customer) customers.insert(*envelope->customer);
      objects.insert(envelope->object_id.value_or("none"));
    }
    int number = 10;
    for (const auto& customer : customers) {
      AddUser(mirror.database, number++, {{"stripe_customer_id", "'" + customer + "'"}});
    }
    mirror.Apply();
    for (const auto& object : objects) {
      const auto explained = apply::ExplainObject(*mirror.pool().Acquire(), object, 50);
      if (!explained) continue;
      kinds.insert(explained->kind);
      EXPECT_FALSE(explained->drift) << object << " " << explained->kind << " row: " << explained->has_row;
      EXPECT_EQ(Differences(*explained), "") << object;
      for (const auto& one : explained->events) EXPECT_NE(one.why, "") << object;
      ExpectEveryColumnToComeFromSomewhere(*explained);
    }
  }
  for (const char* kind : {"subscription", "invoice", "customer", "checkout session", "unknown"}) {
    EXPECT_TRUE(kinds.contains(kind)) << kind;
  }
}

}  // namespace
}  // namespace billsync::testing
