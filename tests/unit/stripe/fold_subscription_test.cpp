#include <gtest/gtest.h>

#include "billsync/stripe/merge.h"
#include "event_text.h"

namespace billsync::stripe {
namespace {

constexpr const char* kCreated = "customer.subscription.created";
constexpr const char* kUpdated = "customer.subscription.updated";
constexpr const char* kDeleted = "customer.subscription.deleted";

FoldedSubscription Fold(const std::vector<StoredEvent>& events) {
  auto folded = FoldSubscription(events);
  if (!folded) throw std::runtime_error("nothing to fold");
  return *std::move(folded);
}

std::string Item(const std::string& price, long long period_start = 100) {
  return R"({"id":"si_1","price":{"id":")" + price + R"("},"current_period_start":)" + std::to_string(period_start) +
         R"(,"current_period_end":)" + std::to_string(period_start + 1000) + "}";
}

std::string Items(const std::string& item) {
  return R"(,"items":{"data":[)" + item + "]}";
}
std::string OldItems(const std::string& item) {
  return R"({"items":{"data":[)" + item + "]}}";
}

TEST(SubscriptionFold, ReplacesIncompleteByActiveInTheSameSecondInEveryOrder) {
  InEveryOrder({Event("evt_9", kCreated, 0, Sub("incomplete")),
                Event("evt_1", kUpdated, 0, Sub("active"), R"({"status":"incomplete"})")},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.status, "active");
                 EXPECT_EQ(folded.order.back().above_previous, OrderRule::kNotCreation);
                 EXPECT_FALSE(folded.needs_refetch);
               });
}

TEST(SubscriptionFold, PutsCreationFirstEvenWhenItsStampIsLater) {
  InEveryOrder(
      {Event("evt_1", kCreated, 1, Sub("active", R"(,"latest_invoice":null)")),
       Event("evt_2", kUpdated, 0, Sub("active", R"(,"latest_invoice":"in_1")"), R"({"latest_invoice":null})")},
      [](const auto& events) { EXPECT_EQ(Fold(events).current.latest_invoice, "in_1"); });
}

TEST(SubscriptionFold, NeverLetsIncompleteOverwriteAnotherStatus) {
  InEveryOrder({Event("evt_1", kUpdated, 0, Sub("active")), Event("evt_2", kUpdated, 5, Sub("incomplete"))},
               [](const auto& events) { EXPECT_EQ(Fold(events).current.status, "active"); });
}

TEST(SubscriptionFold, FollowsAChainOfThreeInOneSecond) {
  // The ids sort against the order of what happened.
  InEveryOrder({Event("evt_3", kUpdated, 0, Sub("active", Items(Item("b"))), OldItems(Item("a"))),
                Event("evt_2", kUpdated, 0, Sub("active", Items(Item("c"))), OldItems(Item("b"))),
                Event("evt_1", kUpdated, 0, Sub("active", Items(Item("d"))), OldItems(Item("c")))},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.items.at(0).price.id, "d");
                 EXPECT_EQ(folded.order.at(0).event_id, "evt_3");
                 EXPECT_EQ(folded.order.back().above_previous, OrderRule::kChain);
                 EXPECT_FALSE(folded.needs_refetch);
               });
}

TEST(SubscriptionFold, OrdersChangesOfDifferentKeysByWhatTheLaterOneShows) {
  InEveryOrder(
      {Event("evt_2", kUpdated, 0, Sub("past_due", R"(,"latest_invoice":"in_1")"), R"({"status":"active"})"),
       Event("evt_1", kUpdated, 0, Sub("past_due", R"(,"latest_invoice":"in_2")"), R"({"latest_invoice":"in_1"})")},
      [](const auto& events) {
        const auto folded = Fold(events);
        EXPECT_EQ(folded.current.latest_invoice, "in_2");
        EXPECT_FALSE(folded.needs_refetch);
      });
}

TEST(SubscriptionFold, FollowsAFlipThereAndBackFromWhatWasBefore) {
  InEveryOrder({Event("evt_0", kUpdated, -60, Sub("active")),
                Event("evt_2", kUpdated, 0, Sub("past_due"), R"({"status":"active"})"),
                Event("evt_1", kUpdated, 0, Sub("active"), R"({"status":"past_due"})")},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.status, "active");
                 EXPECT_EQ(folded.order.back().event_id, "evt_1");
                 EXPECT_FALSE(folded.needs_refetch);
               });
}

TEST(SubscriptionFold, AsksForARefetchWhenAFlipHasNoBefore) {
  InEveryOrder({Event("evt_2", kUpdated, 0, Sub("past_due"), R"({"status":"active"})"),
                Event("evt_1", kUpdated, 0, Sub("active"), R"({"status":"past_due"})")},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_TRUE(folded.needs_refetch);
                 EXPECT_EQ(folded.order.back().event_id, "evt_2");
                 EXPECT_EQ(folded.order.back().above_previous, OrderRule::kEventId);
               });
}

TEST(SubscriptionFold, AsksForNoRefetchWhenTheTiedSnapshotsAreEqual) {
  const auto folded = Fold({Event("evt_1", kUpdated, 0, Sub("active")), Event("evt_2", kUpdated, 0, Sub("active"))});
  EXPECT_EQ(folded.order.back().above_previous, OrderRule::kEventId);
  EXPECT_FALSE(folded.needs_refetch);
}

TEST(SubscriptionFold, TreatsTwoEventsOfOneChangeAsOne) {
  InEveryOrder({Event("evt_1", kUpdated, 0, Sub("past_due"), R"({"status":"active"})"),
                Event("evt_3", kUpdated, 0, Sub("past_due"), R"({"status":"active"})"),
                Event("evt_2", kUpdated, 0, Sub("unpaid"), R"({"status":"past_due"})")},
               [](const auto& events) {
                 EXPECT_EQ(Fold(events).current.status, "unpaid");
                 EXPECT_FALSE(Fold(events).needs_refetch);
               });
}

TEST(SubscriptionFold, TakesTheLaterPeriodWhereNoChainTells) {
  InEveryOrder({Event("evt_2", kUpdated, 0, Sub("active", Items(Item("a", 100)))),
                Event("evt_1", kUpdated, 0, Sub("active", Items(Item("a", 2000))))},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.period_start, At(2000));
                 EXPECT_EQ(folded.order.back().above_previous, OrderRule::kProgress);
                 EXPECT_FALSE(folded.needs_refetch);
               });
}

TEST(SubscriptionFold, NeverComesBackFromTheDead) {
  InEveryOrder({Event("evt_1", kCreated, 0, Sub("active")),
                Event("evt_2", kDeleted, 10, Sub("canceled", R"(,"ended_at":10,"canceled_at":10)")),
                Event("evt_3", kUpdated, 20, Sub("canceled", R"(,"ended_at":10,"metadata":{"note":"late"})")),
                Event("evt_4", kUpdated, 30, Sub("active"))},
               [](const auto& events) {
                 const auto folded = Fold(events);
                 EXPECT_EQ(folded.current.status, "canceled");
                 EXPECT_TRUE(folded.deleted);
                 EXPECT_EQ(folded.current.metadata.at("note"), "late");
                 EXPECT_EQ(folded.current.canceled_at, At(10));
                 EXPECT_EQ(folded.origins, (std::vector<ValueOrigin>{{"canceled_at", "evt_2"}}));
               });
}

TEST(SubscriptionFold, CallsADeletedSubscriptionCanceledWhateverItSays) {
  const auto folded = Fold({Event("evt_1", kDeleted, 0, Sub("active"))});
  EXPECT_EQ(folded.current.status, "canceled");
  EXPECT_TRUE(folded.deleted);
}

TEST(SubscriptionFold, TakesBackACancellation) {
  const auto folded =
      Fold({Event("evt_1", kUpdated, 0, Sub("active", R"(,"cancel_at_period_end":true,"cancel_at":9,"canceled_at":5)")),
            Event("evt_2", kUpdated, 9, Sub("active", R"(,"cancel_at_period_end":false,"cancel_at":null)"))});
  EXPECT_FALSE(folded.current.cancel_at_period_end);
  EXPECT_FALSE(folded.current.cancel_at);
  EXPECT_FALSE(folded.current.canceled_at);
}

TEST(SubscriptionFold, KeepsAKnownValueThatAnotherVersionLeavesOut) {
  const auto folded =
      Fold({Event("evt_1", kUpdated, 0, Sub("active", R"(,"currency":"usd","start_date":7)" + Items(Item("a")))),
            Event("evt_2", kUpdated, 9, Sub("past_due"))});
  EXPECT_EQ(folded.current.status, "past_due");
  EXPECT_EQ(folded.current.currency, "usd");
  EXPECT_EQ(folded.current.items.size(), 1U);
  EXPECT_EQ(folded.current.period_end, At(1100));
}

TEST(SubscriptionFold, CountsPastDueFromTheStartOfTheLastStretch) {
  const auto folded = Fold({Event("evt_1", kUpdated, 0, Sub("past_due")), Event("evt_2", kUpdated, 10, Sub("active")),
                            Event("evt_3", kUpdated, 20, Sub("past_due")),
                            Event("evt_4", kUpdated, 30, Sub("past_due", R"(,"metadata":{"a":"b"})"))});
  EXPECT_EQ(folded.past_due_since, At(kStart + 20));
  EXPECT_FALSE(
      Fold({Event("evt_1", kUpdated, 0, Sub("past_due")), Event("evt_2", kUpdated, 10, Sub("active"))}).past_due_since);
}

TEST(SubscriptionFold, TrustsAnApiReadOverEarlierSecondsOnly) {
  const std::vector<StoredEvent> earlier{Event("evt_1", kUpdated, 0, Sub("active")),
                                         Read("read_1", 5, Sub("past_due"))};
  EXPECT_EQ(Fold(earlier).current.status, "past_due");
  const std::vector<StoredEvent> same{Event("evt_1", kUpdated, 5, Sub("active")), Read("read_1", 5, Sub("past_due"))};
  EXPECT_EQ(Fold(same).current.status, "active");
  EXPECT_EQ(Fold(same).order.back().above_previous, OrderRule::kEventOverRead);
}

TEST(SubscriptionFold, SettlesATieByALaterApiRead) {
  const auto folded =
      Fold({Event("evt_2", kUpdated, 0, Sub("past_due"), R"({"status":"active"})"),
            Event("evt_1", kUpdated, 0, Sub("active"), R"({"status":"past_due"})"), Read("read_1", 1, Sub("active"))});
  EXPECT_FALSE(folded.needs_refetch);
  EXPECT_EQ(folded.current.status, "active");
}

TEST(SubscriptionFold, ReportsWhatItCannotReadAndIgnoresTheRest) {
  StoredEvent broken{"evt_3", kUpdated, At(kStart), "{"};
  const auto folded =
      Fold({Event("evt_1", kUpdated, 0, Sub("active")), broken, Event("evt_2", kUpdated, 0, R"({"id":"sub_1"})"),
            Event("evt_4", "invoice.paid", 0, Inv("paid")),
            Event("evt_5", kUpdated, 0, R"({"id":"sub_2","status":"x"})"), Read("read_1", 0, Inv("paid"))});
  EXPECT_EQ(folded.order.size(), 1U);
  EXPECT_EQ(folded.unreadable, (std::vector<UnreadableEvent>{{"evt_2", "data.object.status is missing"},
                                                             {"evt_3", "payload is not JSON"},
                                                             {"evt_5", "data.object.id is another object's"}}));
  EXPECT_EQ(folded.ignored, (std::vector<std::string>{"evt_4", "read_1"}));
}

TEST(SubscriptionFold, SaysWhyNothingCouldBeFolded) {
  EXPECT_TRUE(FoldSubscription({}).error().empty());
  const std::vector<StoredEvent> events{Event("evt_1", kUpdated, 0, "null")};
  EXPECT_EQ(FoldSubscription(events).error(), (std::vector<UnreadableEvent>{{"evt_1", "data.object is missing"}}));
}

TEST(SubscriptionFold, TakesTheReadableOneOfTwoRenderingsOfAnEvent) {
  auto bad = Event("evt_1", kUpdated, 0, R"({"id":"sub_1","status":7})");
  InEveryOrder({Event("evt_1", kUpdated, 0, Sub("active")), bad}, [](const auto& events) {
    EXPECT_EQ(Fold(events).order.size(), 1U);
    EXPECT_TRUE(Fold(events).unreadable.empty());
  });
}

TEST(SubscriptionFold, OrdersABurstTooLongToWeighEveryPath) {
  std::vector<StoredEvent> events;
  for (int i = 0; i < 30; ++i) {
    const auto invoice = [](int n) { return R"("in_)" + std::to_string(n) + "\""; };
    events.push_back(Event("evt_" + std::to_string(i * 7 % 30), kUpdated, 0,
                           Sub("active", R"(,"latest_invoice":)" + invoice(i + 1)),
                           R"({"latest_invoice":)" + invoice(i) + "}"));
  }
  const auto folded = Fold(events);
  EXPECT_EQ(folded.current.latest_invoice, "in_30");
  std::reverse(events.begin(), events.end());
  EXPECT_EQ(Fold(events), folded);
}

// No account can do this; whoever sends it anyway must not hold up the others. Weighing every pair would take minutes
// and hundreds of megabytes.
TEST(SubscriptionFold, GoesByProgressWhereThousandsOfEventsShareASecond) {
  std::vector<StoredEvent> events;
  for (int i = 0; i < 10'000; ++i) {
    events.push_back(Event(
        "evt_" + std::to_string(i), kUpdated, 0,
        Sub("active", Items(Item("a", 100 + i * 7 % 9'000)) + R"(,"latest_invoice":"in_)" + std::to_string(i) + "\""),
        R"({"latest_invoice":"in_0"})"));
  }
  events.push_back(Event("evt_0_next", kUpdated, 1, Sub("past_due"), R"({"status":"active"})"));
  const auto folded = Fold(events);
  EXPECT_EQ(folded.current.status, "past_due");
  events.pop_back();
  const auto tied = Fold(events);
  EXPECT_EQ(tied.current.period_start, At(9'099)) << "the latest period";
  EXPECT_TRUE(tied.needs_refetch);
  std::reverse(events.begin(), events.end());
  EXPECT_EQ(Fold(events), tied);
}

}  // namespace
}  // namespace billsync::stripe
