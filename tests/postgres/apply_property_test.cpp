// However the events of whole lives arrive, and whatever happens between them, the rows are those of the sorted truth.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "stage.h"
#include "support/differences.h"
#include "support/written_rows.h"

namespace billsync::testing {
namespace {

// Users who will be there in the end, and those who never come.
bool EverComes(const CustomerLife& life) {
  return life.user_id.back() != '3';
}

// One telling of some lives.
class Play {
 public:
  Play(Stage& stage, const Lives& lives, Dice& dice) : stage_(stage), lives_(lives), dice_(dice) {}

  // Everything known beforehand, one sorted batch.
  void Truth() {
    stage_.Clear();
    for (const auto& life : lives_.customers) {
      if (NewUser(life)) stage_.AddUser(life.user_id, life.evidence == Evidence::kUsersRow ? life.customer : "");
    }
    stage_.AddRate("eur");
    stage_.AdoptPlans(2);
    stage_.Store(lives_.events);
    stage_.ApplyAll(100'000);
  }

  // The same in any order, with everything that can come between.
  void Disorder() {
    stage_.Clear();
    users_.clear();
    stage_.AdoptPlans(1);
    std::vector<std::function<void()>> happenings = {[&] { stage_.AddRate("eur"); }, [&] { stage_.AdoptPlans(2); }};
    for (const auto& life : lives_.customers) {
      if (NewUser(life)) happenings.emplace_back([&] { LetUserCome(life); });
    }
    for (auto& delivery : Deliveries()) {
      happenings.emplace_back([this, delivery = std::move(delivery)] { stage_.Store(delivery); });
    }
    dice_.Shuffle(happenings);
    for (const auto& happening : happenings) {
      happening();
      LetApply();
    }
    for (const auto& [user, customer] : late_links_) stage_.Link(user, customer);
    stage_.ApplyAll(Batch());
  }

  int kills() const { return kills_; }

 private:
  // The user of a customer comes with the first of the customers.
  bool NewUser(const CustomerLife& life) {
    return EverComes(life) && std::ranges::find(users_, life.user_id) == users_.end() &&
           (users_.push_back(life.user_id), true);
  }

  void LetUserCome(const CustomerLife& life) {
    const bool by_row = life.evidence == Evidence::kUsersRow;
    const auto& mine = lives_.customers;
    const bool has_two = std::ranges::count(mine, life.user_id, &CustomerLife::user_id) > 1;
    const bool at_once = has_two || dice_.Chance(50);
    stage_.AddUser(life.user_id, by_row && at_once ? life.customer : "");
    if (!by_row || at_once) return;
    if (dice_.Chance(50)) LetApply();
    if (dice_.Chance(30)) {
      late_links_.emplace_back(life.user_id, life.customer);
    } else {
      stage_.Link(life.user_id, life.customer);
    }
  }

  // The events in any order, some twice, in deliveries of some size.
  std::vector<std::vector<LifeEvent>> Deliveries() {
    auto events = lives_.events;
    const size_t originals = events.size();
    for (size_t i = 0; i < originals / 5; ++i) events.push_back(events[dice_.Below(originals)]);
    dice_.Shuffle(events);
    std::vector<std::vector<LifeEvent>> deliveries;
    for (size_t at = 0; at < events.size();) {
      const size_t size = std::min(1 + dice_.Below(events.size() / 3), events.size() - at);
      const auto from = events.begin() + static_cast<std::ptrdiff_t>(at);
      std::vector<LifeEvent> delivery(from, from + static_cast<std::ptrdiff_t>(size));
      // One statement cannot insert an id twice: a repetition inside a delivery comes with the next.
      std::ranges::sort(delivery, {}, &LifeEvent::id);
      const auto twice = std::unique(delivery.begin(), delivery.end(), [](auto& a, auto& b) { return a.id == b.id; });
      delivery.erase(twice, delivery.end());
      deliveries.push_back(std::move(delivery));
      at += size;
    }
    return deliveries;
  }

  int64_t Batch() { return 1 + static_cast<int64_t>(dice_.Below(dice_.Chance(30) ? 5 : 120)); }

  void LetApply() {
    switch (dice_.Below(4)) {
      case 0:
        break;
      case 1:
        if (stage_.ApplyUntilKilled(Batch(), 1 + static_cast<int>(dice_.Below(15)))) ++kills_;
        break;
      default:
        stage_.ApplyAll(Batch());
    }
  }

  Stage& stage_;
  const Lives& lives_;
  Dice& dice_;
  std::vector<std::string> users_;
  std::vector<std::pair<std::string, std::string>> late_links_;
  int kills_ = 0;
};

Lives LivesOf(Dice& dice) {
  return MakeLives(dice, {.customers = 4,
                          .end = kAsOfSeconds,
                          .prices = kStagePrices,
                          .currencies = {"usd", "usd", "usd", "eur", "chf"},
                          .money_percent = 60,
                          .schedule_percent = 40,
                          .catalog_percent = 40});
}

TEST(ApplyProperty, AnyArrivalEndsInTheRowsOfTheSortedTruth) {
  Stage stage;
  const auto [first, last] = SeedsFrom(1, 3);
  int kills = 0;
  for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    Dice dice(seed);
    const Lives lives = LivesOf(dice);
    Play(stage, lives, dice).Truth();
    const std::string rows = stage.Rows(), fates = stage.Fates();
    ASSERT_NE(rows.find("billing_subscriptions"), std::string::npos) << rows;
    for (int telling = 0; telling < 2; ++telling) {
      const std::string what = "seed " + std::to_string(seed) + ", telling " + std::to_string(telling);
      Play play(stage, lives, dice);
      play.Disorder();
      ExpectSameLines(rows, stage.Rows(), what);
      ExpectSameLines(fates, stage.Fates(), what);
      EXPECT_EQ(ContradictedPlanChanges(stage.mirror.database), "") << what;
      kills += play.kills();
    }
  }
  EXPECT_GT(kills, 0) << "no batch was interrupted: the test is weaker than it says";
}

}  // namespace
}  // namespace billsync::testing
