// An object with thousands of events: read in part, with the rows of one that is read whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <random>

#include "batch.h"
#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

constexpr long long kFirst = kAsOfSeconds - 100000;

std::string Name(const std::string& prefix, int n) {
  // Spread over the alphabet, so that ids and time have nothing to do with each other.
  return prefix + std::to_string(n * 7919 % 10007) + "_" + std::to_string(n);
}

// Two events a second: prices, statuses and periods come and go.
SubscriptionEvent Step(int n) {
  const char* const prices[] = {"price_demo_pro_monthly", "price_demo_enterprise_monthly"};
  return {.event = Name("evt_", n),
          .type = n == 0 ? "customer.subscription.created" : "customer.subscription.updated",
          .created = kFirst + n / 2 * 10,
          .status = n % 5 == 3 || n % 5 == 4 ? "past_due" : "active",
          .price = prices[n / 8 % 2],
          .unit_amount = 1000 + n,
          .period_start = kFirst + n / 16 * 86400,
          .metadata = R"({"n":")" + std::to_string(n) + "\"}"};
}

InvoiceEvent StepOfInvoice(int n) {
  return {.event = Name("evi_", n),
          .type = "invoice.updated",
          .created = kFirst + n / 3 * 10,
          .status = n < 20   ? "draft"
                    : n < 90 ? "open"
                             : "paid",
          .total = 1000 + n};
}

std::vector<std::string> Life(int events) {
  std::vector<std::string> bodies;
  for (int n = 0; n < events; ++n) bodies.push_back(Step(n).Body());
  return bodies;
}

// Few enough to be read at once, so that a batch over all of them thins nothing out.
std::vector<std::string> TwoLives() {
  auto bodies = Life(120);
  for (int n = 0; n < 100; ++n) bodies.push_back(StepOfInvoice(n).Body());
  return bodies;
}

struct LinkedMirror : Mirror {
  LinkedMirror() { AddUser(database, 1, {{"stripe_customer_id", "'cus_1'"}}); }

  void StoreAll(const std::vector<std::string>& bodies) {
    for (const auto& body : bodies) Store(body);
  }

  // Applies batch by batch; how many events were read for it.
  int64_t ApplyCounting(int64_t batch = 256) {
    const auto session = pool().Acquire();
    int64_t read = 0;
    for (;;) {
      const auto result = apply::ApplyBatch(*session, DemoOptions(batch), kAsOf, {}, nullptr);
      if (result.claimed == 0) return read;
      read += result.events_read;
    }
  }

  std::string Checkpoints() { return database.Value("SELECT count(*) FROM billing_checkpoints"); }
  std::string Status() { return database.Value("SELECT status FROM billing_subscriptions"); }
};

std::string RowsOfWhole(const std::vector<std::string>& bodies) {
  LinkedMirror whole;
  whole.StoreAll(bodies);
  whole.Apply(DemoOptions(1000));
  return whole.Rows();
}

TEST(Checkpoints, AnyArrivalAndAnySplitGivesTheRowsOfAllAtOnce) {
  const auto bodies = TwoLives();
  const auto expected = RowsOfWhole(bodies);
  for (unsigned seed = 1; seed <= 4; ++seed) {
    std::mt19937 random(seed);
    auto arrival = bodies;
    // From nearly in order to in no order at all.
    const auto reach = static_cast<long>(seed * seed * 20);
    for (auto at = arrival.begin(); at < arrival.end(); at += reach) {
      std::shuffle(at, std::min(arrival.end(), at + reach), random);
    }
    LinkedMirror mirror;
    for (size_t at = 0; at < arrival.size();) {
      const size_t chunk = 1 + random() % 40;
      for (size_t i = 0; i < chunk && at < arrival.size(); ++i) mirror.Store(arrival[at++]);
      mirror.Apply(DemoOptions(1 + static_cast<int64_t>(random() % 30)));
    }
    EXPECT_NE(mirror.Checkpoints(), "0");
    EXPECT_EQ(mirror.Rows(), expected) << "seed " << seed;
  }
}

TEST(Checkpoints, EmptyingTheTableAtAnyTimeChangesNothing) {
  const auto bodies = TwoLives();
  LinkedMirror mirror;
  for (size_t at = 0; at < bodies.size(); ++at) {
    mirror.Store(bodies[at]);
    if (at % 10 == 9) mirror.Apply();
    if (at % 70 == 69) mirror.database.Run("DELETE FROM billing_checkpoints");
  }
  mirror.Apply();
  EXPECT_EQ(mirror.Rows(), RowsOfWhole(bodies));
}

TEST(Checkpoints, ALongLifeIsReadInPagesAndThenHardlyAtAll) {
  LinkedMirror mirror;
  mirror.StoreAll(Life(3000));
  const auto first = mirror.ApplyCounting();
  EXPECT_GE(first, 3000);
  EXPECT_LE(first, 3000 + 3000 + 12 * 100) << "each batch of the backlog read more than what it had claimed";
  EXPECT_EQ(mirror.Checkpoints(), "1");
  int64_t most = 0;
  for (int n = 3000; n <= 3060; ++n) {
    mirror.Store(Step(n).Body());
    most = std::max(most, mirror.ApplyCounting());
  }
  EXPECT_LE(most, 130);
  EXPECT_EQ(mirror.database.Value("SELECT amount_minor FROM billing_subscriptions"), "4060");
  EXPECT_EQ(mirror.database.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied'"), "3061");
}

TEST(Checkpoints, ALifeThatWaitedForItsUserIsNotReadOverAndOver) {
  Mirror mirror;
  for (const auto& body : Life(600)) mirror.Store(body);
  mirror.Apply();
  EXPECT_EQ(mirror.database.Value("SELECT count(*) FROM stripe_events WHERE status = 'parked'"), "600");
  AddUser(mirror.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  const auto session = mirror.pool().Acquire();
  int64_t read = 0;
  for (int batch = 0; batch < 30; ++batch) {
    read += apply::ApplyBatch(*session, DemoOptions(25), kAsOf, {}, nullptr).events_read;
  }
  EXPECT_EQ(mirror.database.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied'"), "600");
  EXPECT_LE(read, 30 * 150);
  LinkedMirror whole;
  whole.StoreAll(Life(600));
  whole.Apply();
  const std::string row =
      "SELECT (to_jsonb(s) - '{id,created_at,updated_at}'::text[])::text FROM billing_subscriptions s";
  EXPECT_EQ(mirror.database.Value(row), whole.database.Value(row));
}

TEST(Checkpoints, ALateEventBelowTheHorizonStillCounts) {
  LinkedMirror mirror;
  mirror.StoreAll(Life(400));
  mirror.Apply();
  EXPECT_EQ(mirror.Status(), "past_due");
  auto end = Step(30);
  end.event = "evt_late";
  end.type = "customer.subscription.deleted";
  end.status = "canceled";
  mirror.Store(end.Body());
  EXPECT_GE(mirror.ApplyCounting(), 401) << "all of it had to be looked at again";
  EXPECT_EQ(mirror.Status(), "canceled");
  // And is not forgotten by what comes after it.
  for (int n = 400; n < 500; ++n) {
    mirror.Store(Step(n).Body());
    mirror.Apply();
  }
  EXPECT_EQ(mirror.Status(), "canceled");
}

TEST(Checkpoints, ALateEventOfAShortLifeUndoesItsCheckpoint) {
  LinkedMirror mirror;
  mirror.StoreAll(Life(60));
  mirror.Apply();
  EXPECT_EQ(mirror.Checkpoints(), "1");
  // Somebody takes most of the events away: what is left is no longer worth a checkpoint.
  mirror.database.Run("DELETE FROM stripe_events WHERE created >= to_timestamp(" + std::to_string(kFirst + 100) + ")");
  auto late = Step(3);
  late.event = "evt_late";
  mirror.Store(late.Body());
  mirror.Apply();
  EXPECT_EQ(mirror.Checkpoints(), "0");
}

TEST(Checkpoints, AnEventWhoseBatchFailedIsLateWhenItIsTriedAgain) {
  LinkedMirror mirror;
  mirror.StoreAll(Life(400));
  mirror.Apply();
  auto end = Step(30);
  end.event = "evt_failed";
  end.type = "customer.subscription.deleted";
  end.status = "canceled";
  mirror.Store(end.Body());
  mirror.database.Run(
      "UPDATE stripe_events SET status = 'parked', reason = 'apply_failed', attempts = 1 WHERE id = 'evt_failed'");
  mirror.Apply();
  EXPECT_EQ(mirror.Status(), "canceled");
}

TEST(Checkpoints, OfAnotherBuildAreMadeAnew) {
  LinkedMirror mirror;
  mirror.StoreAll(Life(400));
  mirror.Apply();
  mirror.database.Run("UPDATE billing_checkpoints SET made_by = 'another', kept = '{}', awaited = '{}'");
  mirror.Store(Step(400).Body());
  EXPECT_GE(mirror.ApplyCounting(), 401);
  EXPECT_EQ(mirror.database.Value("SELECT count(*) FROM billing_checkpoints WHERE made_by <> 'another'"), "1");
  EXPECT_EQ(mirror.Rows(), RowsOfWhole(Life(401)));
}

TEST(Checkpoints, TwoAppliersAtOnceEndInTheRowsOfOne) {
  const auto bodies = TwoLives();
  LinkedMirror mirror;
  auto arrival = bodies;
  std::ranges::shuffle(arrival, std::mt19937(7));
  for (size_t at = 0; at < arrival.size(); at += 55) {
    for (size_t i = at; i < std::min(arrival.size(), at + 55); ++i) mirror.Store(arrival[i]);
    const auto apply = [&] { return mirror.Apply(DemoOptions(3)); };
    auto first = std::async(std::launch::async, apply);
    auto second = std::async(std::launch::async, apply);
    first.get();
    second.get();
  }
  EXPECT_EQ(mirror.Rows(), RowsOfWhole(bodies));
  EXPECT_NE(mirror.Checkpoints(), "0");
}

TEST(Checkpoints, AreReadByIndex) {
  LinkedMirror mirror;
  mirror.StoreAll(Life(3000));
  mirror.database.Run("ANALYZE stripe_events");
  const auto session = mirror.pool().Acquire();
  db::Transaction tx(*session);
  std::string plan;
  for (const db::Row row : tx.Exec("test",
                                   "EXPLAIN SELECT id FROM stripe_events WHERE object_id = 'sub_1' AND created > $1 "
                                   "AND status <> 'ignored' ORDER BY created FETCH FIRST 128 ROWS WITH TIES",
                                   db::Params::Of(Instant(std::chrono::seconds(kFirst + 14900))))) {
    plan += std::string(row.Raw(0).value_or("")) + "\n";
  }
  EXPECT_NE(plan.find("stripe_events_object"), std::string::npos) << plan;
}

}  // namespace
}  // namespace billsync::testing
