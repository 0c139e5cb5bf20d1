// An hour of a busy account in a few seconds: ten thousand events of hundreds of customers, one in twenty of them
// poison, posted by several senders at once in any order.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "e2e/commands.h"
#include "e2e/event_stream.h"
#include "e2e/poison.h"
#include "e2e/sample_events.h"
#include "support/differences.h"
#include "support/stripe_lives.h"
#include "support/written_rows.h"

namespace billsync::testing {
namespace {

constexpr size_t kEvents = kStretch == 1 ? 10'000 : 2'000;
constexpr int kSenders = 6;

std::string Quoted(const std::string& text) {
  return "'" + text + "'";
}

class MixedHour : public ::testing::Test {
 protected:
  MixedHour() {
    const LifeOptions options{.customers = kEvents * 54 / 1000,
                              .end = Now(),
                              .days = 60,
                              .name = "hour",
                              .currencies = {"usd", "usd", "eur"},
                              .money_percent = 30,
                              .schedule_percent = 10};
    lives_ = MakeLives(dice_, options);
    const auto odd = MakeOddities(Now(), kOdd, dice_);
    lives_.events.insert(lives_.events.end(), odd.begin(), odd.end());
    poison_ = MakePoison(kEvents / 20, Now(), {kVictim, kRefused, lives_.invoices.front().id}, dice_);
  }

  // The users of the platform; every third who is known by the platform's row gets the Stripe customer later.
  void AddUsers() {
    std::string values;
    std::string last;
    size_t number = 0;
    for (const auto& life : lives_.customers) {
      const bool later = ++number % 3 == 0;
      if (life.user_id == last) continue;
      last = life.user_id;
      const bool by_row = life.evidence == Evidence::kUsersRow;
      values += (values.empty() ? "(" : ", (") + Quoted(life.user_id) + ", " + Quoted(life.user_id + "@example.com") +
                ", " + (by_row && !later ? Quoted(life.customer) : "NULL") + ")";
      if (by_row && later) late_.emplace_back(life.user_id, life.customer);
    }
    database_.Run("INSERT INTO users (id, email, stripe_customer_id) VALUES " + values);
    AddUser(database_, 9001, "odd", kOdd);
    AddUser(database_, 9002, "victim", kVictim);
    AddUser(database_, 9003, "refused", kRefused);
    database_.Run("ALTER TABLE users ADD CONSTRAINT platform_says CHECK (email <> 'refused@example.com') NOT VALID");
    database_.Run("INSERT INTO billing_fx_rates VALUES ('eur', '2026-01-01', 1.0825)");
  }

  void LinkLateUsers() {
    for (const auto& [user, customer] : late_) {
      database_.Run("UPDATE users SET stripe_customer_id = " + Quoted(customer) + " WHERE id = " + Quoted(user));
    }
  }

  std::vector<SignedEvent> Deliveries() {
    std::vector<SignedEvent> all;
    for (const auto& event : lives_.events) all.push_back({event.id, event.body, SignInBulk(event.body)});
    for (const auto& one : poison_) all.push_back({one.event.id, one.event.body, SignInBulk(one.event.body)});
    const size_t originals = all.size();
    for (size_t i = 0; i < originals / 30; ++i) all.push_back(all[dice_.Below(originals)]);
    dice_.Shuffle(all);
    return all;
  }

  // The ids of the healthy events, as a condition.
  static std::string Healthy() { return "id NOT LIKE 'evt_poison_%'"; }

  int64_t Count(const std::string& condition) {
    return std::stoll(database_.Value("SELECT count(*) FROM stripe_events WHERE " + condition));
  }

  static constexpr const char* kOdd = "cus_odd";
  static constexpr const char* kVictim = "cus_victim";
  static constexpr const char* kRefused = "cus_refused";
  Dice dice_{20261122};
  TestDatabase database_;
  Lives lives_;
  std::vector<Poison> poison_;
  std::vector<std::pair<std::string, std::string>> late_;  // users and the customers they will get
};

// "status price amount period" of a subscription as it ended, the way the rows say it.
std::string TruthOf(const Subscription& s) {
  const auto end = [](const std::optional<int64_t>& at) { return at ? std::to_string(*at) : "-"; };
  return s.id + " " + s.status + " " + s.price + " " + std::to_string(s.amount * s.quantity) + " " + s.currency + " " +
         std::to_string(s.period_start) + " " + end(s.cancel_at) + " " + end(s.ended_at);
}

std::string TruthOf(const Invoice& i) {
  const auto at = [](const std::optional<int64_t>& moment) { return moment ? std::to_string(*moment) : "-"; };
  return i.id + " " + i.status + " " + std::to_string(i.total) + " " + std::to_string(i.amount_paid) + " " +
         at(i.finalized_at) + " " + at(i.paid_at) + " " + at(i.voided_at);
}

template <typename Object>
std::string TruthOf(const std::vector<Object>& objects, const std::string& left_out) {
  std::vector<std::string> lines;
  for (const auto& one : objects) {
    if (left_out.find(one.id) == std::string::npos) lines.push_back(TruthOf(one));
  }
  std::ranges::sort(lines);
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

constexpr const char* kSubscriptionRows = R"(
  SELECT coalesce(string_agg(concat_ws(' ', stripe_subscription_id, status, stripe_price_id, amount_minor, currency,
      extract(epoch FROM current_period_start)::bigint, coalesce(extract(epoch FROM cancel_at)::bigint::text, '-'),
      coalesce(extract(epoch FROM ended_at)::bigint::text, '-')) || E'\n', ''
      ORDER BY stripe_subscription_id COLLATE "C"), '')
  FROM billing_subscriptions WHERE stripe_subscription_id LIKE 'sub\_hour\_%' AND NOT needs_refetch)";

constexpr const char* kInvoiceRows = R"(
  SELECT coalesce(string_agg(concat_ws(' ', stripe_invoice_id, status, amount_minor, amount_paid_minor,
      coalesce(extract(epoch FROM finalized_at)::bigint::text, '-'), coalesce(extract(epoch FROM paid_at)::bigint::text, '-'),
      coalesce(extract(epoch FROM voided_at)::bigint::text, '-')) || E'\n', ''
      ORDER BY stripe_invoice_id COLLATE "C"), '')
  FROM billing_invoices WHERE stripe_invoice_id LIKE 'in\_hour\_%' AND NOT needs_refetch)";

TEST_F(MixedHour, EveryHealthyObjectIsRightAndEveryPoisonEventIsExplained) {
  AddUsers();
  RunningService service(database_.url());
  StreamPoster poster(Deliveries());
  const size_t posted = lives_.events.size() + poison_.size();
  ASSERT_GE(posted, kEvents);
  for (int round = 0; round < 20 && poster.acknowledged().size() < posted; ++round) {
    poster.Start(service.port(), kSenders);
    if (round == 0) {
      EXPECT_TRUE(poster.ReachedAcknowledged(posted / 2));
      LinkLateUsers();
    }
    poster.Join();
  }
  // Nothing is lost, nothing is doubled.
  ASSERT_EQ(poster.acknowledged().size(), posted);
  EXPECT_EQ(poster.other_answers() + poster.closed_without_answer(), 0);
  EXPECT_EQ(Count("true"), static_cast<int64_t>(posted));
  ASSERT_TRUE(Eventually([&] { return Count("status = 'received'") == 0; }, std::chrono::seconds(60)));
  ASSERT_TRUE(Eventually([&] { return Count(Healthy() + " AND status <> 'applied'") == 0; }, std::chrono::seconds(10)))
      << database_.Value(
             "SELECT string_agg(DISTINCT concat_ws(' ', status, reason, detail), E'\n') FROM stripe_events WHERE " +
             Healthy() + " AND status <> 'applied'");

  // Poison is told by kind, in words.
  std::map<std::string, std::string> fates;
  std::istringstream lines(
      database_.Value("SELECT string_agg(id || ' ' || status || ' ' || reason || ': ' || coalesce(detail, ''), E'\n') "
                      "FROM stripe_events"
                      " WHERE NOT (" +
                      Healthy() + ")"));
  for (std::string line; std::getline(lines, line);)
    fates[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
  for (const auto& one : poison_) {
    const std::string& fate = fates[one.event.id];
    EXPECT_TRUE(fate.starts_with(one.fate + ":") && fate.find(one.detail) != std::string::npos)
        << one.kind << ": " << fate;
  }

  // Healthy objects are as their lives ended; where two events of one second cannot be told apart the row says so.
  const std::string undecided = database_.Value(
      "SELECT coalesce(string_agg(id, ' '), '') FROM (SELECT stripe_subscription_id AS id FROM billing_subscriptions"
      " WHERE needs_refetch UNION ALL SELECT stripe_invoice_id FROM billing_invoices WHERE needs_refetch) t");
  EXPECT_LT(std::ranges::count(undecided, ' '), 40) << undecided;
  ExpectSameLines(TruthOf(lives_.subscriptions, undecided), database_.Value(kSubscriptionRows), "subscriptions");
  ExpectSameLines(TruthOf(lives_.invoices, undecided), database_.Value(kInvoiceRows), "invoices");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_invoices WHERE last_event_id LIKE 'evt_odd_%'"), "5");
  EXPECT_EQ(ContradictedPlanChanges(database_), "");

  // Poison holds nobody up. A healthy event whose user was there is applied at its first attempt, and in the order of
  // arrival but for the size of a batch and what the senders did at once; a poison event is tried ever more seldom.
  EXPECT_EQ(Count(Healthy() + " AND attempts > 1 AND customer NOT IN (SELECT stripe_customer_id FROM billing_customers"
                              " WHERE linked_at > now() - interval '10 minutes')"),
            0);
  EXPECT_LT(std::stoll(database_.Value(
                "SELECT max(abs(arrived - applied)) FROM (SELECT rank() OVER (ORDER BY received_at) AS arrived,"
                " rank() OVER (ORDER BY applied_at) AS applied FROM stripe_events WHERE attempts = 1 AND status = "
                "'applied') t")),
            1000);
  EXPECT_LT(std::stoll(database_.Value("SELECT max(attempts) FROM stripe_events")), 9);

  // A second look at everything changes nothing.
  const std::string rows = WrittenRows(database_);
  const std::string changes = database_.Value("SELECT count(*) FROM billing_plan_changes");
  database_.Run(
      "UPDATE stripe_events SET status = 'received', reason = NULL, detail = NULL, applied_at = NULL,"
      " next_attempt_at = now() WHERE status <> 'ignored'");
  ASSERT_TRUE(Eventually([&] { return Count("status = 'received'") == 0; }, std::chrono::seconds(60)));
  ExpectSameLines(rows, WrittenRows(database_), "after a second look");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM billing_plan_changes"), changes);

  // After thirty days an event is given up, until a person asks for another attempt.
  const std::string given_up = poison_.front().event.id;
  database_.Run(
      "UPDATE stripe_events SET parked_since = now() - interval '31 days', next_attempt_at = now() WHERE id = " +
      Quoted(given_up));
  EXPECT_TRUE(Eventually([&] { return Count("status = 'dead'") == 1; }));
  EXPECT_EQ(Billsync(database_, {"events", "retry", given_up}).status, 3);
  EXPECT_EQ(database_.Value("SELECT status || ' ' || reason FROM stripe_events WHERE id = " + Quoted(given_up)),
            "parked unreadable_shape")
      << "its thirty days begin anew";
}

}  // namespace
}  // namespace billsync::testing
