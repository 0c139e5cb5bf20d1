// Several appliers on one set of objects, while events come in, the platform writes its users and runs, the entitlement
// sweep passes and a person retries: nobody waits in a circle, nothing is left undone, the rows are right.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "batch.h"
#include "billsync/apply/entitlements.h"
#include "platform_rows.h"
#include "stage.h"
#include "support/differences.h"
#include "support/written_rows.h"

namespace billsync::testing {
namespace {

using namespace std::chrono_literals;

// Threads that do something again and again until the race is over, and what went wrong in them.
class Race {
 public:
  explicit Race(Stage& stage) : stage_(stage) {}
  ~Race() { End(); }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  using Step = std::function<void(db::Session&)>;

  // Each with a session of its own. A step that throws is a failure, deadlocks first of all.
  void Again(const std::string& who, Step step) {
    threads_.emplace_back([this, who, step = std::move(step)] {
      const auto session = stage_.mirror.database.Connect();
      while (!over_) {
        try {
          step(*session);
        } catch (const std::exception& e) {
          const std::lock_guard lock(mutex_);
          failures_ += who + ": " + e.what() + "\n";
          return;
        }
      }
    });
  }

  void End() {
    over_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  const std::string& failures() const { return failures_; }

 private:
  Stage& stage_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::string failures_;
  std::vector<std::thread> threads_;
};

Lives LivesOf(Dice& dice) {
  return MakeLives(dice, {.customers = 8,
                          .end = kAsOfSeconds,
                          .days = 40,
                          .prices = kStagePrices,
                          .currencies = {"usd", "usd", "eur"},
                          .money_percent = 60,
                          .schedule_percent = 30,
                          .catalog_percent = 30});
}

std::vector<std::string> UsersOf(const Lives& lives) {
  std::vector<std::string> users;
  for (const auto& life : lives.customers) {
    if (users.empty() || users.back() != life.user_id) users.push_back(life.user_id);
  }
  return users;
}

void AddUsers(Stage& stage, const Lives& lives) {
  for (const auto& user : UsersOf(lives)) stage.AddUser(user, "");
}

void LinkAll(Stage& stage, const Lives& lives) {
  for (const auto& life : lives.customers) {
    if (life.evidence == Evidence::kUsersRow) stage.Link(life.user_id, life.customer);
  }
}

// What the platform does beside us: a run begins (its foreign key locks the user's key), a user is touched.
Race::Step Platform(std::vector<std::string> users, uint64_t seed) {
  return [users, dice = Dice(seed)](db::Session& session) mutable {
    db::Transaction tx(session);
    const std::string& first = dice.Of(users);
    tx.Exec("touch", "UPDATE users SET updated_at = now() WHERE id = $1::uuid", db::Params::Of(first));
    tx.Exec("run",
            "INSERT INTO agent_runs (agent_id, team_id, user_id, input) VALUES ($1::uuid, $2::uuid, $3::uuid, 'do it')",
            db::Params::Of(kAgentId, kTeamId, first));
    tx.Commit();
    std::this_thread::sleep_for(2ms);
  };
}

void ExpectTheTruthSoon(Stage& stage, const std::string& rows, const std::string& fates, const std::string& what) {
  // The racing appliers apply batches and nothing else: requests to look again are still there.
  stage.ApplyAll(50);
  // What was claimed at the very moment it was released looks again after its first back-off.
  for (const auto give_up = std::chrono::steady_clock::now() + 10s;
       stage.Fates() != fates && std::chrono::steady_clock::now() < give_up;) {
    stage.ApplyAll(50);
    std::this_thread::sleep_for(20ms);
  }
  ExpectSameLines(fates, stage.Fates(), what);
  ExpectSameLines(rows, stage.Rows(), what);
  EXPECT_EQ(ContradictedPlanChanges(stage.mirror.database), "") << what;
}

void RunRace(Stage& stage, uint64_t seed, int appliers) {
  const std::string what = "seed " + std::to_string(seed) + ", appliers " + std::to_string(appliers);
  Dice dice(seed);
  const Lives lives = LivesOf(dice);
  stage.Clear();
  AddUsers(stage, lives);
  LinkAll(stage, lives);
  stage.AddRate("eur");
  stage.AdoptPlans(2);
  stage.Store(lives.events);
  stage.ApplyAll(100'000);
  const std::string rows = stage.Rows(), fates = stage.Fates();

  stage.Clear();
  AddUsers(stage, lives);
  AddRun(stage.mirror.database, 1, 1);  // makes an agent, a team, user 99
  Race race(stage);
  for (int n = 0; n < appliers; ++n) {
    race.Again("applier", [&stage, batch = 5 + static_cast<int64_t>(dice.Below(60))](db::Session& session) {
      if (apply::ApplyBatch(session, stage.Options(batch), kAsOf, {}, nullptr).claimed == 0) {
        std::this_thread::sleep_for(1ms);
      }
    });
  }
  race.Again("platform", Platform(UsersOf(lives), seed));
  race.Again("sweep", [&stage](db::Session& session) {
    apply::SweepEntitlements(session, stage.Options(1).plans, {}, kAsOf);
    std::this_thread::sleep_for(3ms);
  });
  race.Again("person", [](db::Session& session) {
    apply::RetryEvents(session, {});
    std::this_thread::sleep_for(20ms);
  });
  auto events = lives.events;
  dice.Shuffle(events);
  const size_t half = events.size() / 2;
  for (size_t at = 0; at < events.size(); at += 7) {
    const auto from = events.begin() + static_cast<std::ptrdiff_t>(at);
    stage.Store({from, from + static_cast<std::ptrdiff_t>(std::min<size_t>(7, events.size() - at))});
    if (at <= half && half < at + 7) {
      LinkAll(stage, lives);
      stage.AddRate("eur");
    }
    if (at % 5 == 0) apply::AdoptPlanMap(*stage.mirror.pool().Acquire(), "the same plans, told again " + what);
  }
  std::this_thread::sleep_for(30ms);
  race.End();
  EXPECT_EQ(race.failures(), "") << what;
  stage.mirror.database.Run(
      "DELETE FROM agent_runs; DELETE FROM agents; DELETE FROM teams;"
      "DELETE FROM users WHERE id = '" +
      UserId(99) + "'");
  ExpectTheTruthSoon(stage, rows, fates, what);
}

TEST(ApplyCrowd, TwoAppliersAndEverybodyElseEndInTheTruth) {
  Stage stage;
  const auto [first, last] = SeedsFrom(1, 1);
  for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) RunRace(stage, seed, 2);
}

TEST(ApplyCrowd, FourAppliersAndEverybodyElseEndInTheTruth) {
  Stage stage;
  const auto [first, last] = SeedsFrom(101, 101);
  for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) RunRace(stage, seed, 4);
}

}  // namespace
}  // namespace billsync::testing
