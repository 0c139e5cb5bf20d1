#include "billsync/stripe/subscription_schedule.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

std::string Schedule(const std::string& status, const std::string& more = "") {
  return R"({"id":"sub_sched_1","object":"subscription_schedule","customer":"cus_1","status":")" + status + "\"" +
         more + "}";
}

// Pro until 200, then free.
constexpr const char* kDowngrade =
    R"(,"subscription":"sub_1","current_phase":{"start_date":100,"end_date":200},"phases":[
        {"start_date":200,"end_date":300,"items":[{"price":"price_free","quantity":1}]},
        {"start_date":100,"end_date":200,"items":[{"price":"price_seat","quantity":3},{"price":"price_pro"}]}],
        "end_behavior":"release","created":90)";

TEST(ScheduleShape, ReadsPhasesByTheirStart) {
  const auto schedule = Decoded(DecodeSubscriptionSchedule, Schedule("active", kDowngrade));
  EXPECT_EQ(schedule.subscription, "sub_1");
  EXPECT_EQ(schedule.current_phase_end, At(200));
  EXPECT_EQ(schedule.end_behavior, "release");
  ASSERT_EQ(schedule.phases.size(), 2U);
  EXPECT_EQ(schedule.phases[0].start, At(100));
  ASSERT_EQ(schedule.phases[0].items.size(), 2U);
  EXPECT_EQ(schedule.phases[0].items[0].price, "price_pro");
  EXPECT_EQ(schedule.phases[0].items[1].quantity, 3);
}

TEST(ScheduleShape, IsTheSameFromLegacyPlansAndExpandedObjects) {
  const auto now = Decoded(DecodeSubscriptionSchedule,
                           Schedule("active", R"(,"phases":[{"start_date":1,"items":[{"price":"p","quantity":2}]}])"));
  for (const char* phases :
       {R"(,"phases":[{"start_date":1,"items":[{"plan":"p","quantity":2}]}])",
        R"(,"phases":[{"start_date":1,"plans":[{"plan":"p","quantity":2}]}])",
        R"(,"phases":[{"start_date":1,"items":[{"plan":{"id":"p"},"quantity":2}]}])",
        R"(,"phases":[{"start_date":1,"items":[{"price":{"id":"p"},"plan":"p","quantity":2}]}])"}) {
    EXPECT_EQ(Decoded(DecodeSubscriptionSchedule, Schedule("active", phases)), now) << phases;
  }
}

TEST(ScheduleShape, LivesWithNullsAndNewFields) {
  const auto schedule = Decoded(DecodeSubscriptionSchedule,
                                R"({"id":"s","status":"resting","customer":null,"customer_account":"acct_1",
          "subscription":null,"current_phase":null,"phases":[],"pause_schedules":[{}],"end_behavior":null})");
  EXPECT_EQ(schedule.status, "resting");
  EXPECT_EQ(schedule.customer, "acct_1");
  EXPECT_TRUE(schedule.phases.empty());
  EXPECT_EQ(NextPhase(schedule), std::nullopt);
}

TEST(ScheduleShape, NamesThePathOfWhatIsUnreadable) {
  const std::vector<std::pair<std::string, const char*>> rows{
      {R"({"id":"s"})", "data.object.status is missing"},
      {R"({"status":"active"})", "data.object.id is missing"},
      {Schedule("active", R"(,"phases":{})"), "data.object.phases is not an array"},
      {Schedule("active", R"(,"phases":[7])"), "data.object.phases[0] is not an object"},
      {Schedule("active", R"(,"phases":[{},{"items":"p"}])"), "data.object.phases[1].items is not an array"},
      {Schedule("active", R"(,"phases":[{"items":[{"price":{}}]}])"),
       "data.object.phases[0].items[0].price.id is missing"},
      {Schedule("active", R"(,"phases":[{"items":[{"quantity":1.5}]}])"),
       "data.object.phases[0].items[0].quantity is not a whole number of 64 bits"},
      {Schedule("active", R"(,"current_phase":{"end_date":"soon"})"),
       "data.object.current_phase.end_date is not a Unix time in seconds"},
  };
  for (const auto& [text, fault] : rows) EXPECT_EQ(FaultOf(DecodeSubscriptionSchedule, text), fault) << text;
}

TEST(NextPhase, IsWhatAnActiveScheduleTurnsIntoNext) {
  const auto schedule = Decoded(DecodeSubscriptionSchedule, Schedule("active", kDowngrade));
  ASSERT_TRUE(NextPhase(schedule));
  EXPECT_EQ(NextPhase(schedule)->start, At(200));
  EXPECT_EQ(NextPhase(schedule)->items.at(0).price, "price_free");
  auto last = schedule;
  last.current_phase_start = At(200);
  EXPECT_EQ(NextPhase(last), std::nullopt);
  for (const char* status : {"not_started", "completed", "released", "canceled"}) {
    auto other = schedule;
    other.status = status;
    EXPECT_EQ(NextPhase(other), std::nullopt) << status;
  }
  auto nowhere = schedule;
  nowhere.current_phase_start.reset();
  EXPECT_EQ(NextPhase(nowhere), std::nullopt);
}

TEST(ScheduleFold, EndsForGoodWhateverTheStamps) {
  for (const char* end : {"released", "canceled", "completed"}) {
    const auto folded = FoldedInEveryOrder(
        FoldSchedule,
        {Event("evt_1", std::string("subscription_schedule.") + end, 0,
               Schedule(end, R"(,"subscription":null,"released_subscription":"sub_1")")),
         Event("evt_2", "subscription_schedule.updated", 5, Schedule("active", kDowngrade)),
         Event("evt_3", "subscription_schedule.created", 9, Schedule("not_started", R"(,"subscription":null)"))});
    EXPECT_EQ(folded.current.status, end);
    EXPECT_TRUE(folded.deleted);
    EXPECT_EQ(folded.current.subscription, std::nullopt);
    EXPECT_EQ(folded.current.released_subscription, "sub_1");
    EXPECT_EQ(folded.current.phases.size(), 2U);
    EXPECT_EQ(folded.current.end_behavior, "release");
  }
}

TEST(ScheduleFold, FollowsEditsWithinASecond) {
  const auto one = Schedule("active", R"(,"phases":[{"start_date":1,"items":[{"price":"a"}]}])");
  const auto two = Schedule("active", R"(,"phases":[{"start_date":1,"items":[{"price":"b"}]}])");
  const auto three = Schedule("active", R"(,"phases":[{"start_date":1,"items":[{"price":"c"}]}])");
  const auto folded =
      FoldedInEveryOrder(FoldSchedule, {Event("evt_3", "subscription_schedule.created", 0, one),
                                        Event("evt_2", "subscription_schedule.updated", 0, two,
                                              R"({"phases":[{"start_date":1,"items":[{"price":"a"}]}]})"),
                                        Event("evt_1", "subscription_schedule.updated", 0, three,
                                              R"({"phases":[{"start_date":1,"items":[{"price":"b"}]}]})")});
  EXPECT_EQ(folded.current.phases.at(0).items.at(0).price, "c");
  EXPECT_EQ(folded.order.back().above_previous, OrderRule::kChain);
}

TEST(ScheduleFold, TakesTheLaterPhaseWhereNothingElseTells) {
  const auto folded = FoldedInEveryOrder(
      FoldSchedule, {Event("evt_2", "subscription_schedule.updated", 0,
                           Schedule("active", R"(,"current_phase":{"start_date":100,"end_date":200})")),
                     Event("evt_1", "subscription_schedule.expiring", 0,
                           Schedule("active", R"(,"current_phase":{"start_date":200,"end_date":300})"))});
  EXPECT_EQ(folded.current.current_phase_start, At(200));
}

}  // namespace
}  // namespace billsync::stripe
