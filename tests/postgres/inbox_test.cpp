// From a verified event to a committed row, and what is answered when that is in doubt.
#include "billsync/webhook/inbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>

#include "billsync/stripe/event.h"
#include "mirror.h"
#include "support/program.h"

namespace billsync::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using webhook::Inbox;
using webhook::InboxLimits;
using webhook::StoreOutcome;

webhook::IncomingEvent Incoming(const std::string& id) {
  const std::string body = InvoiceEvent{.event = id}.Body();
  return {*stripe::ReadEnvelope(body), body, std::nullopt};
}

class InboxTest : public ::testing::Test {
 protected:
  static std::future<StoreOutcome> Submit(Inbox& inbox, webhook::IncomingEvent event) {
    auto outcome = std::make_shared<std::promise<StoreOutcome>>();
    auto future = outcome->get_future();
    inbox.Submit(std::move(event), [outcome](StoreOutcome o) { outcome->set_value(o); });
    return future;
  }
  db::ConnectOptions Connect() const { return {.url = database_.url(), .role = "inbox"}; }
  std::string Stored() {
    return database_.Value("SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') FROM stripe_events");
  }

  // Nobody can insert while this lives: what is submitted meanwhile gathers in the queue.
  class Blockade {
   public:
    explicit Blockade(InboxTest& test) : test_(test), session_(test.database_.Connect()), tx_(*session_) {
      tx_.ExecScript("test", "LOCK TABLE stripe_events IN SHARE MODE");
    }
    // Until `writers` wait at the table.
    void AwaitWriters(int writers) {
      EXPECT_TRUE(Eventually([&] {
        return test_.database_.Value(
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                   "application_name = 'billsync inbox'") == std::to_string(writers);
      }));
    }
    void Lift() { tx_.Commit(); }

   private:
    InboxTest& test_;
    std::unique_ptr<db::Session> session_;
    db::Transaction tx_;
  };

  TestDatabase database_;
};

TEST_F(InboxTest, TellsStoredFromDuplicate) {
  int woken = 0;
  {
    Inbox inbox(Connect(), {.writers = 1, .patience = seconds(20)}, [&] { ++woken; });
    EXPECT_EQ(Submit(inbox, Incoming("evt_1")).get(), StoreOutcome::kStored);
    EXPECT_EQ(Submit(inbox, Incoming("evt_1")).get(), StoreOutcome::kDuplicate);
    EXPECT_EQ(Submit(inbox, Incoming("evt_2")).get(), StoreOutcome::kStored);
    inbox.Stop();
    EXPECT_EQ(inbox.Stats().stored, 2U);
    EXPECT_EQ(inbox.Stats().duplicates, 1U);
  }
  EXPECT_EQ(woken, 2) << "a duplicate is nothing to apply";
  EXPECT_EQ(Stored(), "evt_1 evt_2");
}

TEST_F(InboxTest, FlushesEachCommitToDiskThoughTheDatabaseIsSetNotTo) {
  database_.Run(
      "CREATE TABLE seen (level text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO "
      "seen VALUES (current_setting(''synchronous_commit'')); RETURN NULL; END'; CREATE TRIGGER note AFTER INSERT ON "
      "stripe_events FOR EACH STATEMENT EXECUTE FUNCTION note()");
  for (const std::string level : {"off", "local", "on"}) {
    database_.Run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = " + level +
                  "', current_database()); END $$");
    Inbox inbox(Connect(), {.writers = 1, .patience = seconds(20)}, [] {});
    EXPECT_EQ(Submit(inbox, Incoming("evt_" + level)).get(), StoreOutcome::kStored);
  }
  EXPECT_EQ(database_.Value("SELECT string_agg(level, ' ' ORDER BY ctid) FROM seen"), "on local on");
}

TEST_F(InboxTest, StoresTheBodyByteForByteAndTheEnvelopeBesideIt) {
  auto event = Incoming("evt_1");
  event.payload += " \n\t ü \\u00fc \"";
  event.ignored = billing::IgnoreReason::kOtherMode;
  const std::string payload = event.payload;
  Inbox inbox(Connect(), {.patience = seconds(20)}, [] {});
  EXPECT_EQ(Submit(inbox, event).get(), StoreOutcome::kStored);
  EXPECT_EQ(database_.Value("SELECT payload FROM stripe_events"), payload);
  EXPECT_EQ(
      database_.Value("SELECT status || ' ' || reason || ' ' || type || ' ' || object_type || ' ' || object_id || ' '"
                      " || customer || ' ' || api_version || ' ' || extract(epoch FROM created)::bigint"
                      " FROM stripe_events"),
      "ignored other_mode invoice.paid invoice in_1 cus_1 2026-10-28.endive " + std::to_string(kAsOfSeconds - 3600));
}

TEST_F(InboxTest, AnswersTwinsInOneBatchOnceEach) {
  Inbox inbox(Connect(), {.writers = 1, .patience = seconds(20)}, [] {});
  Blockade blockade(*this);
  auto first = Submit(inbox, Incoming("evt_0"));
  blockade.AwaitWriters(1);
  auto one = Submit(inbox, Incoming("evt_1"));
  auto twin = Submit(inbox, Incoming("evt_1"));
  blockade.Lift();
  EXPECT_EQ(first.get(), StoreOutcome::kStored);
  const std::vector<StoreOutcome> outcomes = {one.get(), twin.get()};
  EXPECT_EQ(std::ranges::count(outcomes, StoreOutcome::kStored), 1);
  EXPECT_EQ(std::ranges::count(outcomes, StoreOutcome::kDuplicate), 1);
  inbox.Stop();
  EXPECT_EQ(inbox.Stats().batches, 2U);
  EXPECT_EQ(Stored(), "evt_0 evt_1");
}

TEST_F(InboxTest, ASecondWriterJoinsWhenACommitIsSlow) {
  Inbox inbox(Connect(), {.writers = 2, .patience = seconds(20)}, [] {});
  Blockade blockade(*this);
  auto first = Submit(inbox, Incoming("evt_1"));
  blockade.AwaitWriters(1);
  auto second = Submit(inbox, Incoming("evt_2"));
  blockade.AwaitWriters(2);
  blockade.Lift();
  EXPECT_EQ(first.get(), StoreOutcome::kStored);
  EXPECT_EQ(second.get(), StoreOutcome::kStored);
  inbox.Stop();
  EXPECT_EQ(inbox.Stats().batches, 2U);
}

TEST_F(InboxTest, CommitsAFullBatchInOneInsertAndTheRestInTheNext) {
  Inbox inbox(Connect(), {.writers = 1, .patience = seconds(20)}, [] {});
  Blockade blockade(*this);
  std::vector<std::future<StoreOutcome>> answers;
  answers.push_back(Submit(inbox, Incoming("evt_first")));
  blockade.AwaitWriters(1);
  for (int i = 0; i < 130; ++i) answers.push_back(Submit(inbox, Incoming("evt_" + std::to_string(i))));
  EXPECT_EQ(inbox.Stats().waiting, 130U);
  blockade.Lift();
  for (auto& answer : answers) EXPECT_EQ(answer.get(), StoreOutcome::kStored);
  inbox.Stop();
  EXPECT_EQ(inbox.Stats().batches, 3U);
  EXPECT_EQ(inbox.Stats().batch_rows, 131U);
  EXPECT_EQ(inbox.Stats().batch_sizes[5], 1U) << "65 to 128 rows";
  EXPECT_EQ(database_.Value("SELECT count(*) FROM stripe_events"), "131");
}

TEST_F(InboxTest, AnswersUnavailableWithinItsPatienceWhileTheDatabaseHangs) {
  Inbox inbox(Connect(), {.writers = 1, .patience = milliseconds(300)}, [] {});
  Blockade blockade(*this);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Submit(inbox, Incoming("evt_1")).get(), StoreOutcome::kUnavailable);
  EXPECT_EQ(Submit(inbox, Incoming("evt_2")).get(), StoreOutcome::kUnavailable) << "one that no writer took yet";
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, milliseconds(600));
  EXPECT_LT(took, seconds(3));
  blockade.Lift();
  // The sender tries again; whatever became of the first attempt, the event is there once.
  const auto again = Submit(inbox, Incoming("evt_1")).get();
  EXPECT_TRUE(again == StoreOutcome::kDuplicate || again == StoreOutcome::kStored);
  inbox.Stop();
  EXPECT_EQ(database_.Value("SELECT count(*) FROM stripe_events WHERE id = 'evt_1'"), "1");
}

TEST_F(InboxTest, AnswersUnavailableWhenTheDatabaseIsGone) {
  Inbox inbox({.url = "host=/nonexistent dbname=none", .role = "inbox"}, {}, [] {});
  EXPECT_EQ(Submit(inbox, Incoming("evt_1")).get(), StoreOutcome::kUnavailable);
  inbox.Stop();
  EXPECT_EQ(inbox.Stats().unavailable, 1U);
}

TEST_F(InboxTest, GoesOnWithANewSessionWhenItsOwnWasKilled) {
  Inbox inbox(Connect(), {.writers = 1, .patience = seconds(20)}, [] {});
  EXPECT_EQ(Submit(inbox, Incoming("evt_1")).get(), StoreOutcome::kStored);
  database_.Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billsync inbox'");
  EXPECT_EQ(Submit(inbox, Incoming("evt_2")).get(), StoreOutcome::kStored)
      << "the server is there, only the session died";
  EXPECT_EQ(Submit(inbox, Incoming("evt_2")).get(), StoreOutcome::kDuplicate);
  EXPECT_EQ(Stored(), "evt_1 evt_2");
}

TEST_F(InboxTest, AnImpossibleEventDoesNotHurtItsBatch) {
  Inbox inbox(Connect(), {.writers = 1, .patience = seconds(20)}, [] {});
  auto bad_bytes = Incoming("evt_bytes");
  bad_bytes.payload = "\xff\xfe";
  auto nul = Incoming("evt_nul");
  nul.payload = std::string("a\0b", 3);
  Blockade blockade(*this);
  auto first = Submit(inbox, Incoming("evt_0"));
  blockade.AwaitWriters(1);
  auto one = Submit(inbox, Incoming("evt_1"));
  auto bytes = Submit(inbox, bad_bytes);
  auto with_nul = Submit(inbox, nul);
  auto two = Submit(inbox, Incoming("evt_2"));
  blockade.Lift();
  EXPECT_EQ(first.get(), StoreOutcome::kStored);
  EXPECT_EQ(one.get(), StoreOutcome::kStored);
  EXPECT_EQ(bytes.get(), StoreOutcome::kUnavailable);
  EXPECT_EQ(with_nul.get(), StoreOutcome::kUnavailable);
  EXPECT_EQ(two.get(), StoreOutcome::kStored);
  EXPECT_EQ(Stored(), "evt_0 evt_1 evt_2");
}

TEST_F(InboxTest, StopCommitsWhatWaitsAndRefusesWhatComesAfter) {
  Inbox inbox(Connect(), {.writers = 2, .patience = seconds(20)}, [] {});
  Blockade blockade(*this);
  std::vector<std::future<StoreOutcome>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(Submit(inbox, Incoming("evt_" + std::to_string(i))));
  auto stopped = std::async(std::launch::async, [&] { inbox.Stop(); });
  EXPECT_EQ(stopped.wait_for(milliseconds(50)), std::future_status::timeout) << "it waits for the commit";
  blockade.Lift();
  stopped.get();
  for (auto& answer : answers) EXPECT_EQ(answer.get(), StoreOutcome::kStored);
  EXPECT_EQ(database_.Value("SELECT count(*) FROM stripe_events"), "5");
  EXPECT_EQ(Submit(inbox, Incoming("evt_late")).get(), StoreOutcome::kUnavailable);
  inbox.Stop();  // again is fine
}

TEST_F(InboxTest, RefusesAtOnceWhenItsQueueIsFull) {
  Inbox inbox(Connect(), {.writers = 1, .queue = 2, .patience = seconds(20)}, [] {});
  Blockade blockade(*this);
  auto taken = Submit(inbox, Incoming("evt_0"));
  blockade.AwaitWriters(1);
  auto one = Submit(inbox, Incoming("evt_1"));
  auto two = Submit(inbox, Incoming("evt_2"));
  EXPECT_EQ(Submit(inbox, Incoming("evt_3")).get(), StoreOutcome::kOverloaded);
  blockade.Lift();
  EXPECT_EQ(taken.get(), StoreOutcome::kStored);
  EXPECT_EQ(one.get(), StoreOutcome::kStored);
  EXPECT_EQ(two.get(), StoreOutcome::kStored);
  EXPECT_EQ(inbox.Stats().overloaded, 1U);
}

TEST_F(InboxTest, TwoInboxesWithTheSameEventsStoreEachOnce) {
  Inbox first(Connect(), {.writers = 2, .batch = 8, .patience = seconds(20)}, [] {});
  Inbox second(Connect(), {.writers = 2, .batch = 8, .patience = seconds(20)}, [] {});
  std::vector<std::future<StoreOutcome>> answers;
  for (int i = 0; i < 200; ++i) {
    answers.push_back(Submit(first, Incoming("evt_" + std::to_string(i))));
    answers.push_back(Submit(second, Incoming("evt_" + std::to_string(199 - i))));
  }
  std::map<StoreOutcome, int> counts;
  for (auto& answer : answers) ++counts[answer.get()];
  EXPECT_EQ(counts[StoreOutcome::kStored], 200);
  EXPECT_EQ(counts[StoreOutcome::kDuplicate], 200);
  EXPECT_EQ(database_.Value("SELECT count(*) FROM stripe_events"), "200");
}

}  // namespace
}  // namespace billsync::testing
