// Explanations from events to sentences, without a database.
#include "apply/explanation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "../stripe/event_text.h"
#include "billsync/billing/event_reason.h"

namespace billsync::apply {
namespace {

using stripe::Event;
using stripe::EventUse;
using stripe::Inv;
using stripe::OrderRule;
using stripe::StoredEvent;
using stripe::Sub;

constexpr std::array kRules{OrderRule::kFirst,      OrderRule::kTerminal, OrderRule::kNotCreation,
                            OrderRule::kStatusRank, OrderRule::kTime,     OrderRule::kEventOverRead,
                            OrderRule::kChain,      OrderRule::kProgress, OrderRule::kEventId};

EventSummary SummaryOf(const StoredEvent& event, const std::string& status = "applied") {
  EventSummary summary;
  summary.id = event.id;
  summary.type = event.type;
  summary.status = status;
  summary.created = event.created;
  return summary;
}

// The facts of a set of applied events, with the row they lead to.
ObjectFacts FactsOf(EventUse use, const std::vector<StoredEvent>& events) {
  ObjectFacts facts;
  facts.object_id = "sub_1";
  facts.use = use;
  facts.table = "billing_things";
  facts.view = ViewOf(use, events);
  for (const auto& event : events) facts.events.push_back(SummaryOf(event));
  facts.events_total = static_cast<int64_t>(events.size());
  facts.row.emplace();
  for (const auto& value : facts.view.values) {
    if (value.exact) facts.row->emplace_back(value.column, value.value);
  }
  return facts;
}

const ExplainedEvent& Find(const Explanation& explanation, const std::string& id) {
  const auto found = std::ranges::find_if(explanation.events, [&](const auto& one) { return one.event.id == id; });
  if (found == explanation.events.end()) throw std::runtime_error("no event " + id);
  return *found;
}

const ExplainedColumn& Column(const Explanation& explanation, const std::string& name) {
  const auto found = std::ranges::find(explanation.columns, name, &ExplainedColumn::name);
  if (found == explanation.columns.end()) throw std::runtime_error("no column " + name);
  return *found;
}

TEST(Explanation, HasASentenceOfItsOwnForEveryRule) {
  std::set<std::string> sentences;
  for (const auto rule : kRules) {
    const auto sentence = Sentence(rule, "evt_below");
    EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
    EXPECT_EQ(sentence.find("evt_below") != std::string::npos, rule != OrderRule::kFirst) << sentence;
  }
  EXPECT_EQ(Sentence(OrderRule::kTime, "evt_x"), "later second than evt_x");
  EXPECT_EQ(Sentence(OrderRule::kChain, "evt_x"), "same second: its previous_attributes show that it came after evt_x");
}

// Each rule from real events: two of them, the second on top.
TEST(Explanation, NamesTheRuleThatPutAnEventAboveTheOneBelow) {
  const auto read = stripe::Read("evt_a", 0, Sub("active"));
  const struct {
    OrderRule rule;
    StoredEvent below, above;
  } cases[] = {
      {OrderRule::kTerminal, Event("evt_a", "customer.subscription.updated", 9, Sub("active")),
       Event("evt_b", "customer.subscription.deleted", 0, Sub("canceled"))},
      {OrderRule::kNotCreation, Event("evt_a", "customer.subscription.created", 9, Sub("active")),
       Event("evt_b", "customer.subscription.updated", 0, Sub("active"))},
      {OrderRule::kStatusRank, Event("evt_a", "customer.subscription.updated", 9, Sub("incomplete")),
       Event("evt_b", "customer.subscription.updated", 0, Sub("active"))},
      {OrderRule::kTime, Event("evt_a", "customer.subscription.updated", 0, Sub("active")),
       Event("evt_b", "customer.subscription.updated", 1, Sub("active"))},
      {OrderRule::kEventOverRead, read, Event("evt_b", "customer.subscription.updated", 0, Sub("active"))},
      {OrderRule::kChain, Event("evt_b", "customer.subscription.updated", 0, Sub("past_due"), R"({"status":"active"})"),
       Event("evt_a", "customer.subscription.updated", 0, Sub("unpaid"), R"({"status":"past_due"})")},
      {OrderRule::kProgress, Event("evt_b", "customer.subscription.updated", 0, Sub("active")),
       Event("evt_a", "customer.subscription.updated", 0, Sub("active", R"(,"current_period_start":100)"))},
      {OrderRule::kEventId, Event("evt_a", "customer.subscription.updated", 0, Sub("active")),
       Event("evt_b", "customer.subscription.updated", 0, Sub("past_due"))},
  };
  std::set<OrderRule> seen{OrderRule::kFirst};
  for (const auto& c : cases) {
    const auto explained = Explain(FactsOf(EventUse::kSubscription, {c.above, c.below}));
    ASSERT_EQ(explained.events.size(), 2U);
    const auto& winner = explained.events[0];
    const auto& older = explained.events[1];
    seen.insert(c.rule);
    EXPECT_EQ(winner.event.id, c.above.id) << Code(c.rule);
    EXPECT_EQ(winner.standing, Standing::kWinner);
    EXPECT_EQ(winner.rule, c.rule) << Code(*winner.rule);
    EXPECT_EQ(winner.above, c.below.id);
    EXPECT_EQ(winner.lost_to, std::nullopt);
    EXPECT_EQ(winner.why, "the row shows it; " + Sentence(c.rule, c.below.id));
    EXPECT_EQ(older.standing, Standing::kOlder);
    EXPECT_EQ(older.rule, OrderRule::kFirst);
    EXPECT_EQ(older.lost_to, c.above.id);
    EXPECT_EQ(older.why, "older: lost to " + c.above.id + "; nothing is below it");
    EXPECT_FALSE(explained.drift);
  }
  EXPECT_EQ(seen.size(), kRules.size());
}

TEST(Explanation, SaysWhichEventSetsEachColumn) {
  const std::vector<StoredEvent> events{
      Event("evt_1", "invoice.finalized", 0, Inv("open", R"(,"number":"A-1","total":2900,"created":7)")),
      Event("evt_2", "invoice.paid", 5, Inv("paid", R"(,"amount_paid":2900,"total":2900)"))};
  const auto explained = Explain(FactsOf(EventUse::kInvoice, events));
  EXPECT_EQ(Column(explained, "number").event_id, "evt_1");
  EXPECT_EQ(Column(explained, "number").value, "A-1");
  EXPECT_EQ(Column(explained, "issued_at").event_id, "evt_1");
  EXPECT_EQ(Column(explained, "issued_at").value, "1970-01-01T00:00:07.000000Z");
  EXPECT_EQ(Column(explained, "status").event_id, "evt_2");
  EXPECT_EQ(Find(explained, "evt_1").sets, (std::vector<std::string>{"number", "issued_at"}));
  EXPECT_TRUE(Find(explained, "evt_1").why.ends_with("; what it says is in no newer event"));
  const auto& winner = Find(explained, "evt_2").sets;
  EXPECT_NE(std::ranges::find(winner, "amount_paid_minor"), winner.end());
}

TEST(Explanation, TellsSinceWhichEventASubscriptionIsPastDue) {
  const std::vector<StoredEvent> events{Event("evt_1", "customer.subscription.updated", 0, Sub("active")),
                                        Event("evt_2", "customer.subscription.updated", 5, Sub("past_due")),
                                        Event("evt_3", "customer.subscription.updated", 9, Sub("past_due"))};
  EXPECT_EQ(Column(Explain(FactsOf(EventUse::kSubscription, events)), "past_due_since").event_id, "evt_2");
}

TEST(Explanation, ReadsTimesAsPostgresqlShowsThem) {
  auto facts =
      FactsOf(EventUse::kSubscription,
              {Event("evt_1", "customer.subscription.updated", 0, Sub("active", R"(,"cancel_at":1794297600)"))});
  for (auto& [name, value] : *facts.row) {
    if (name == "cancel_at") value = "2026-11-10T08:00:00+00:00";
  }
  facts.row->emplace_back("user_id", "u");
  facts.row->emplace_back("plan_tier", "pro");
  facts.row->emplace_back("new_column", "x");
  facts.row->emplace_back("id", "surrogate");
  const auto explained = Explain(facts);
  EXPECT_FALSE(explained.drift);
  EXPECT_EQ(Column(explained, "cancel_at").value, "2026-11-10T08:00:00.000000Z");
  // What more than the events decides is shown and never called a drift.
  EXPECT_EQ(Column(explained, "user_id").event_id, std::nullopt);
  EXPECT_EQ(Column(explained, "plan_tier").event_id, "evt_1");
  EXPECT_EQ(Column(explained, "plan_tier").note, "by the plan map");
  EXPECT_EQ(Column(explained, "new_column").value, "x");
  EXPECT_THROW(Column(explained, "id"), std::runtime_error);
}

TEST(Explanation, CallsItADriftWhenTheRowIsNotWhatAppliedEventsSay) {
  auto facts = FactsOf(EventUse::kSubscription, {Event("evt_1", "customer.subscription.updated", 0, Sub("active"))});
  for (auto& [name, value] : *facts.row) {
    if (name == "status") value = "canceled";
  }
  const auto explained = Explain(facts);
  EXPECT_TRUE(explained.drift);
  EXPECT_TRUE(Column(explained, "status").differs);
  EXPECT_EQ(Column(explained, "status").expected, "active");
  EXPECT_FALSE(Column(explained, "currency").differs);

  facts.events_waiting = 1;  // it is only late
  EXPECT_FALSE(Explain(facts).drift);
  facts.events_waiting = 0;
  facts.row.reset();
  EXPECT_TRUE(Explain(facts).drift);
  facts.table.clear();
  EXPECT_FALSE(Explain(facts).drift);
}

TEST(Explanation, ShowsWithoutARowWhatItWouldBeAndWhatItWaitsFor) {
  auto facts = FactsOf(EventUse::kSubscription, {Event("evt_1", "customer.subscription.updated", 0, Sub("active"))});
  facts.row.reset();
  facts.events_waiting = 1;
  facts.events[0].status = "parked";
  facts.events[0].reason = "unknown_customer";
  facts.events[0].detail = "no user is linked to the customer cus_1";
  const auto explained = Explain(facts);
  EXPECT_FALSE(explained.has_row);
  EXPECT_EQ(Column(explained, "status").value, "active");
  EXPECT_EQ(explained.events.at(0).why,
            "the newest; nothing is below it; parked: unknown_customer (no user is linked to the customer cus_1), way "
            "out: " +
                std::string(billing::WayOut(billing::ParkReason::kUnknownCustomer)));
}

TEST(Explanation, SaysWhyAnEventHasNoPlace) {
  auto facts = FactsOf(EventUse::kSubscription,
                       {Event("evt_1", "customer.subscription.updated", 0, Sub("active")),
                        Event("evt_2", "customer.subscription.updated", 5, R"({"id":"sub_1","status":7})"),
                        Event("evt_3", "invoice.paid", 9, Inv("paid"))});
  facts.events[1].status = "dead";
  facts.events[1].reason = "unreadable_shape";
  for (const auto& [id, reason] : std::vector<std::pair<std::string, std::string>>{{"evt_4", "type_not_used"},
                                                                                   {"evt_5", "thin_event"},
                                                                                   {"evt_6", "other_mode"},
                                                                                   {"evt_7", "no_object_id"},
                                                                                   {"evt_8", "no_customer"},
                                                                                   {"evt_9", "of_a_later_release"}}) {
    facts.events.push_back(SummaryOf(Event(id, "a", 20, "{}"), "ignored"));
    facts.events.back().reason = reason;
  }
  const auto explained = Explain(facts);
  EXPECT_EQ(explained.events.front().event.id, "evt_1");
  EXPECT_EQ(Find(explained, "evt_2").standing, Standing::kUnreadable);
  EXPECT_EQ(Find(explained, "evt_2").why,
            "cannot be read: data.object.status is not text; dead: unreadable_shape, way out: " +
                std::string(billing::WayOut(billing::ParkReason::kUnreadableShape)));
  EXPECT_EQ(Find(explained, "evt_3").why, "not about this subscription");
  EXPECT_EQ(Find(explained, "evt_3").rule, std::nullopt);
  std::set<std::string> whys;
  for (int i = 4; i <= 9; ++i) {
    const auto& one = Find(explained, "evt_" + std::to_string(i));
    EXPECT_EQ(one.standing, Standing::kIgnored);
    EXPECT_TRUE(one.why.starts_with("ignored: ")) << one.why;
    whys.insert(one.why);
  }
  EXPECT_EQ(whys.size(), 6U);
  EXPECT_EQ(Find(explained, "evt_9").why, "ignored: of_a_later_release");
}

TEST(Explanation, CountsWhatItLeavesOut) {
  auto facts = FactsOf(EventUse::kSubscription, {Event("evt_1", "customer.subscription.updated", 0, Sub("active")),
                                                 Event("evt_2", "customer.subscription.updated", 5, Sub("active"))});
  facts.events_total = 12;
  EXPECT_EQ(Explain(facts).events_left_out, 10);
  const auto alone =
      ExplainAlone(SummaryOf(Event("evt_0", "customer.subscription.updated", 0, Sub("active")), "received"));
  EXPECT_EQ(alone.standing, Standing::kSetAside);
  EXPECT_EQ(alone.why, "older than all that still matters; not applied yet");
}

TEST(Explanation, NeedsOnlyTheEventsThatSetSomething) {
  std::vector<StoredEvent> events{
      Event("evt_01", "invoice.finalized", 0, Inv("open", R"(,"number":"A-1","total":1,"created":7)"))};
  for (int i = 2; i < 9; ++i) {
    events.push_back(Event("evt_0" + std::to_string(i), "invoice.updated", i, Inv("open", R"(,"total":1)")));
  }
  EXPECT_EQ(SettingEvents(ViewOf(EventUse::kInvoice, events)), (std::vector<std::string>{"evt_01", "evt_08"}));
  EXPECT_TRUE(SettingEvents(ViewOf(EventUse::kInvoice, {})).empty());
}

TEST(Explanation, IsJsonForPrograms) {
  auto facts =
      FactsOf(EventUse::kSubscription,
              {Event("evt_1", "customer.subscription.created", 0, Sub("active", R"(,"metadata":{"s":"secret"})")),
               Event("evt_2", "customer.subscription.updated", 5, Sub("past_due"))});
  for (auto& [name, value] : *facts.row) {
    if (name == "status") value.reset();
  }
  Explanation explained = Explain(facts);
  explained.link = ExplainedLink{.user_id = "u",
                                 .linked_by = "metadata",
                                 .linked_at = std::nullopt,
                                 .why = "w",
                                 .evidence = {{"metadata", "u", "evt_1", stripe::At(1)}}};
  const auto document = stripe::Parsed(explained.Json());
  const auto root = document.Root();
  EXPECT_EQ(root.Find("object_id").Text(), "sub_1");
  EXPECT_EQ(root.Find("kind").Text(), "subscription");
  EXPECT_EQ(root.Find("table").Text(), "billing_things");
  EXPECT_EQ(root.Find("row").Bool(), true);
  EXPECT_EQ(root.Find("drift").Bool(), true);
  EXPECT_EQ(root.Find("events_total").Int64(), 2);
  EXPECT_EQ(root.Find("link").Find("evidence").Elements().at(0).Find("event_id").Text(), "evt_1");
  const auto winner = root.Find("events").Elements().at(0);
  EXPECT_EQ(winner.Find("event").Find("id").Text(), "evt_2");
  EXPECT_EQ(winner.Find("standing").Text(), "winner");
  EXPECT_EQ(winner.Find("rule").Text(), "not_creation");
  EXPECT_EQ(winner.Find("above").Text(), "evt_1");
  EXPECT_TRUE(winner.Find("lost_to").IsNull());
  EXPECT_FALSE(winner.Find("sets").Elements().empty());
  bool found = false;
  for (const auto column : root.Find("columns").Elements()) {
    if (column.Find("column").Text() != "status") continue;
    found = true;
    EXPECT_TRUE(column.Find("value").IsNull());
    EXPECT_EQ(column.Find("expected").Text(), "past_due");
    EXPECT_EQ(column.Find("event_id").Text(), "evt_2");
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(explained.Json().find("secret"), std::string::npos);
}

TEST(Explanation, SaysHowACustomerWasLinked) {
  const auto say = [](const char* by) {
    ExplainedLink link;
    link.user_id = "u-1";
    link.linked_by = by;
    return DescribeLink(link);
  };
  std::set<std::string> sentences;
  for (const char* by : {"metadata", "checkout_reference", "users_row", "email", "of_a_later_release"}) {
    EXPECT_TRUE(say(by).starts_with("user u-1: ")) << say(by);
    sentences.insert(say(by));
  }
  EXPECT_EQ(sentences.size(), 5U);
  EXPECT_EQ(DescribeLink({}), "no user: nothing has named one yet");
  ExplainedLink unresolved;
  unresolved.evidence.push_back({"metadata", "nobody", "evt_1", stripe::At(1)});
  EXPECT_EQ(DescribeLink(unresolved), "no user: what was named is no user's id; see the evidence");
}

// Every kind that has a fold is explained: a value for its id, and the event that set it.
TEST(Explanation, WorksForEveryKind) {
  const struct {
    EventUse use;
    const char* type;
    const char* object;
  } cases[] = {
      {EventUse::kSubscription, "customer.subscription.updated", R"({"id":"x","status":"active"})"},
      {EventUse::kInvoice, "invoice.paid", R"({"id":"x"})"},
      {EventUse::kCustomer, "customer.updated", R"({"id":"x"})"},
      {EventUse::kPrice, "price.updated", R"({"id":"x"})"},
      {EventUse::kProduct, "product.updated", R"({"id":"x"})"},
      {EventUse::kSchedule, "subscription_schedule.updated", R"({"id":"x","status":"active"})"},
      {EventUse::kCharge, "charge.refunded", R"({"id":"x"})"},
      {EventUse::kPaymentIntent, "payment_intent.succeeded", R"({"id":"x"})"},
      {EventUse::kInvoicePayment, "invoice_payment.paid", R"({"id":"x"})"},
      {EventUse::kRefund, "refund.created", R"({"id":"x"})"},
      {EventUse::kCreditNote, "credit_note.created", R"({"id":"x"})"},
      {EventUse::kDiscount, "customer.discount.created", R"({"id":"x"})"},
      {EventUse::kActiveEntitlements, "entitlements.active_entitlement_summary.updated", R"({"customer":"x"})"},
  };
  std::set<std::string> kinds;
  for (const auto& c : cases) {
    const auto explained = Explain(FactsOf(c.use, {Event("evt_1", c.type, 0, c.object)}));
    EXPECT_TRUE(kinds.insert(explained.kind).second) << explained.kind;
    ASSERT_EQ(explained.events.size(), 1U) << c.type;
    EXPECT_EQ(explained.events[0].standing, Standing::kWinner) << c.type;
    EXPECT_EQ(explained.columns.at(0).value, "x") << c.type;
    EXPECT_EQ(explained.columns.at(0).event_id, "evt_1") << c.type;
    if (c.use != EventUse::kCustomer) {
      EXPECT_EQ(Column(explained, "last_event_id").value, "evt_1") << c.type;
    }
  }
  EXPECT_TRUE(ViewOf(EventUse::kCheckoutSession, {}).order.empty());
  EXPECT_EQ(KindName(EventUse::kIgnored), "unknown");
}

}  // namespace
}  // namespace billsync::apply
