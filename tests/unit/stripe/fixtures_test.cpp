// Folds the hand-written events and compares with what stands beside them.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "billsync/stripe/checkout_session.h"
#include "billsync/stripe/event.h"
#include "billsync/stripe/event_use.h"
#include "billsync/stripe/merge.h"
#include "event_text.h"

namespace billsync::stripe {
namespace {

namespace fs = std::filesystem;

const fs::path kEvents = BILLSYNC_SOURCE_DIR "/fixtures/events";

struct Delivered {
  EventEnvelope envelope;
  StoredEvent event;
};

std::vector<Delivered> Load(const std::string& name) {
  std::set<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(kEvents / name)) {
    if (entry.path().filename() != "expected.json") paths.insert(entry.path());
  }
  std::vector<Delivered> delivered;
  for (const auto& path : paths) {
    const std::string body = FileText(path);
    auto envelope = ReadEnvelope(body);
    if (!envelope) throw std::runtime_error(path.string() + ": " + std::string(Code(envelope.error())));
    StoredEvent event{envelope->id, envelope->type, envelope->created, body};
    delivered.push_back({*std::move(envelope), std::move(event)});
  }
  return delivered;
}

// As delivered, backwards, and turned around every event.
std::vector<std::vector<StoredEvent>> Orders(std::vector<StoredEvent> events) {
  std::vector<std::vector<StoredEvent>> orders{{events.rbegin(), events.rend()}};
  for (size_t i = 0; i < events.size(); ++i) {
    orders.push_back(events);
    std::rotate(events.begin(), events.begin() + 1, events.end());
  }
  return orders;
}

std::string Show(const std::optional<std::string>& text) {
  return text ? '"' + *text + '"' : "null";
}
std::string Show(const std::string& text) {
  return '"' + text + '"';
}
std::string Show(const std::optional<Instant>& at) {
  return at ? std::to_string(UnixSeconds(*at)) : "null";
}
std::string Show(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "null";
}
std::string Show(std::int64_t number) {
  return std::to_string(number);
}
std::string Show(bool flag) {
  return flag ? "true" : "false";
}
std::string Show(const std::map<std::string, std::string>& entries) {
  std::string text;
  for (const auto& [key, value] : entries) text += (text.empty() ? "" : ",") + Show(key) + ":" + Show(value);
  return "{" + text + "}";
}
std::string Show(const std::vector<std::string>& texts) {
  std::string text;
  for (const auto& one : texts) text += (text.empty() ? "" : ",") + Show(one);
  return "[" + text + "]";
}

using Row = std::vector<std::pair<std::string, std::string>>;

Row RowOf(const FoldedSubscription& folded) {
  const Subscription& s = folded.current;
  std::vector<std::string> prices;
  for (const auto& item : s.items) prices.push_back(item.price.id);
  std::sort(prices.begin(), prices.end());
  return {{"id", Show(s.id)},
          {"customer", Show(s.customer)},
          {"status", Show(s.status)},
          {"deleted", Show(folded.deleted)},
          {"currency", Show(s.currency)},
          {"prices", Show(prices)},
          {"period_start", Show(s.period_start)},
          {"period_end", Show(s.period_end)},
          {"cancel_at_period_end", Show(s.cancel_at_period_end)},
          {"cancel_at", Show(s.cancel_at)},
          {"canceled_at", Show(s.canceled_at)},
          {"ended_at", Show(s.ended_at)},
          {"past_due_since", Show(folded.past_due_since)},
          {"latest_invoice", Show(s.latest_invoice)},
          {"metadata", Show(s.metadata)},
          {"needs_refetch", Show(folded.needs_refetch)}};
}

Row RowOf(const FoldedInvoice& folded) {
  const Invoice& i = folded.current;
  return {{"id", Show(i.id)},
          {"customer", Show(i.customer)},
          {"subscription", Show(i.subscription)},
          {"status", Show(i.status)},
          {"deleted", Show(folded.deleted)},
          {"currency", Show(i.currency)},
          {"total", Show(i.total)},
          {"amount_due", Show(i.amount_due)},
          {"amount_paid", Show(i.amount_paid)},
          {"amount_remaining", Show(i.amount_remaining)},
          {"number", Show(i.number)},
          {"attempt_count", Show(i.attempt_count)},
          {"finalized_at", Show(i.finalized_at)},
          {"paid_at", Show(i.paid_at)},
          {"needs_refetch", Show(folded.needs_refetch)}};
}

Row RowOf(const FoldedCustomer& folded) {
  return {{"id", Show(folded.current.id)}, {"email", Show(folded.current.email)}, {"deleted", Show(folded.deleted)}};
}

Row RowOf(const CheckoutSession& session) {
  return {{"id", Show(session.id)},
          {"customer", Show(session.customer)},
          {"subscription", Show(session.subscription)},
          {"client_reference_id", Show(session.client_reference_id)},
          {"payment_status", Show(session.payment_status)}};
}

// The row of that id among the expected ones must have exactly these members and values.
void ExpectRow(JsonValue expected_rows, const Row& row) {
  std::string text;
  for (const auto& [key, value] : row) text += (text.empty() ? "" : ",") + Show(key) + ":" + value;
  const auto actual = Parsed("{" + text + "}");
  for (const JsonValue expected : expected_rows.Elements()) {
    if (expected.Find("id") == actual.Root().Find("id")) {
      for (const auto& [key, value] : expected.Members()) {
        EXPECT_TRUE(value == actual.Root().Find(key)) << "in " << key << " of " << text;
      }
      EXPECT_EQ(expected.Members().size(), row.size()) << text;
      return;
    }
  }
  ADD_FAILURE() << "not expected: " << text;
}

template <typename Fold>
void ExpectFolds(JsonValue expected_rows, const std::map<std::string, std::vector<StoredEvent>>& objects, Fold fold) {
  EXPECT_EQ(objects.size(), expected_rows.Elements().size());
  for (const auto& [id, events] : objects) {
    for (const auto& order : Orders(events)) {
      const auto folded = fold(order);
      ASSERT_TRUE(folded) << id;
      EXPECT_TRUE(folded->unreadable.empty()) << id;
      EXPECT_TRUE(folded->ignored.empty()) << id;
      ExpectRow(expected_rows, RowOf(*folded));
    }
  }
}

class EventFixtures : public testing::TestWithParam<std::string> {};

TEST_P(EventFixtures, FoldToWhatIsExpectedInEveryOrder) {
  std::map<EventUse, std::map<std::string, std::vector<StoredEvent>>> objects;
  std::vector<std::string> ignored;
  for (const auto& [envelope, event] : Load(GetParam())) {
    const EventUse use = UseOf(envelope.type, envelope.object_type);
    if (use == EventUse::kIgnored) {
      ignored.push_back(event.id);
    } else {
      objects[use][envelope.object_id.value()].push_back(event);
    }
  }
  const auto document = Parsed(FileText(kEvents / GetParam() / "expected.json"));
  const JsonValue expected = document.Root();
  EXPECT_TRUE(Parsed(Show(ignored)).Root() == expected.Find("ignored")) << Show(ignored);
  ExpectFolds(expected.Find("subscriptions"), objects[EventUse::kSubscription], FoldSubscription);
  ExpectFolds(expected.Find("invoices"), objects[EventUse::kInvoice], FoldInvoice);
  ExpectFolds(expected.Find("customers"), objects[EventUse::kCustomer], FoldCustomer);
  EXPECT_EQ(objects[EventUse::kCheckoutSession].size(), expected.Find("sessions").Elements().size());
  for (const auto& [id, events] : objects[EventUse::kCheckoutSession]) {
    const auto payload = Parsed(events.front().payload);
    const auto session = DecodeCheckoutSession(payload.Root().Find("data").Find("object"));
    ASSERT_TRUE(session) << session.error();
    ExpectRow(expected.Find("sessions"), RowOf(*session));
  }
}

TEST_P(EventFixtures, CarryUniqueIdsInTestMode) {
  std::set<std::string> ids;
  for (const auto& [envelope, event] : Load(GetParam())) {
    EXPECT_TRUE(envelope.id.starts_with("evt_demo_" + GetParam() + "_")) << envelope.id;
    EXPECT_TRUE(ids.insert(envelope.id).second) << envelope.id;
    EXPECT_FALSE(envelope.livemode);
  }
}

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kEvents)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, EventFixtures, testing::ValuesIn(CaseNames()),
                         [](const auto& event_case) { return event_case.param; });

TEST(EventFixturesReadme, HasALineForEveryCase) {
  const std::string readme = FileText(BILLSYNC_SOURCE_DIR "/fixtures/README.md");
  for (const auto& name : CaseNames()) EXPECT_NE(readme.find("| `" + name + "` |"), std::string::npos) << name;
}

}  // namespace
}  // namespace billsync::stripe
