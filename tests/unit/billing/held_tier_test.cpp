#include "billsync/billing/held_tier.h"

#include <gtest/gtest.h>

#include <vector>

namespace billsync::billing {
namespace {

using std::chrono::days;

const Instant kDay0 = *ParseInstant("2026-11-01T00:00:00Z");
constexpr Tier kEnt = Tier::kEnterprise;
constexpr Tier kPro = Tier::kPro;
constexpr Tier kFree = Tier::kFree;

// A snapshot of day `at` whose period ends on day `end`.
BoughtTier On(int at, std::optional<Tier> tier, const std::string& status = "active", int end = 30,
              bool collection_paused = false) {
  return {kDay0 + days(at), tier, status, collection_paused, kDay0 + days(end)};
}

PresentPeriod From(int start, int end, std::optional<int> anchor = 0) {
  return {kDay0 + days(start), kDay0 + days(end), anchor ? std::optional(kDay0 + days(*anchor)) : std::nullopt};
}

// "enterprise until day 30", or "nothing".
std::string Held(const std::vector<BoughtTier>& history, Tier now_tier, const PresentPeriod& present = From(0, 30)) {
  const auto held = FindHeldTier(history, now_tier, present);
  if (!held) return "nothing";
  return std::string(Name(held->tier)) + " until day " +
         std::to_string(std::chrono::duration_cast<days>(held->until - kDay0).count());
}

TEST(HeldTier, IsWhatWasPaidForAndStillRuns) {
  const PresentPeriod same = From(0, 30);
  const struct {
    const char* what;
    std::vector<BoughtTier> history;
    Tier now;
    PresentPeriod present;
    const char* held;
  } cases[] = {
      {"one snapshot", {On(0, kEnt)}, kEnt, same, "nothing"},
      {"an upgrade", {On(0, kPro), On(5, kEnt)}, kEnt, same, "nothing"},
      {"a downgrade", {On(0, kEnt), On(5, kPro)}, kPro, same, "enterprise until day 30"},
      {"a downgrade to add-ons only", {On(0, kEnt), On(5, kFree)}, kFree, same, "enterprise until day 30"},
      {"two steps down", {On(0, kEnt), On(5, kPro), On(6, kFree)}, kFree, same, "enterprise until day 30"},
      {"later updates change nothing", {On(0, kEnt), On(5, kPro), On(9, kPro)}, kPro, same, "enterprise until day 30"},
      {"an unknown price between", {On(0, kEnt), On(5, {}), On(6, kPro)}, kPro, same, "enterprise until day 30"},
      {"an unknown price last", {On(0, kEnt), On(5, kPro), On(6, {})}, kPro, same, "enterprise until day 30"},
      {"down and up again", {On(0, kEnt), On(5, kPro), On(6, kEnt)}, kEnt, same, "nothing"},
      {"up for a day", {On(0, kPro), On(5, kEnt), On(6, kPro)}, kPro, same, "enterprise until day 30"},
      {"at the turn of the period", {On(0, kEnt), On(30, kPro, "active", 60)}, kPro, From(30, 60), "nothing"},
      {"a day before the turn", {On(0, kEnt), On(29, kPro)}, kPro, same, "enterprise until day 30"},
      {"renewed since", {On(0, kEnt), On(5, kPro), On(30, kPro, "active", 60)}, kPro, From(30, 60), "nothing"},
      {"a year's plan, now monthly",
       {On(0, kEnt, "active", 365), On(5, kPro, "active", 35)},
       kPro,
       From(5, 35, 5),
       "enterprise until day 35"},
      {"a year's plan, now monthly and renewed",
       {On(0, kEnt, "active", 365), On(5, kPro, "active", 35), On(35, kPro, "active", 65)},
       kPro,
       From(35, 65, 5),
       "nothing"},
      {"a month's plan, now yearly",
       {On(0, kEnt), On(5, kPro, "active", 370)},
       kPro,
       From(5, 370, 5),
       "enterprise until day 30"},
      {"a period of its own, of no known anchor",
       {On(0, kEnt, "active", 365), On(5, kPro, "active", 35)},
       kPro,
       From(5, 35, std::nullopt),
       "nothing"},
      {"a trial was not paid", {On(0, kEnt, "trialing"), On(5, kPro)}, kPro, same, "nothing"},
      {"lowered into a trial", {On(0, kEnt), On(5, kPro, "trialing")}, kPro, same, "enterprise until day 30"},
      {"never paid", {On(0, kEnt, "incomplete"), On(5, kPro)}, kPro, same, "nothing"},
      {"the payment failed", {On(0, kEnt), On(1, kEnt, "past_due"), On(5, kPro)}, kPro, same, "nothing"},
      {"failed and recovered before",
       {On(0, kEnt), On(1, kEnt, "past_due"), On(2, kEnt), On(5, kPro)},
       kPro,
       same,
       "enterprise until day 30"},
      {"failed after the downgrade",
       {On(0, kEnt), On(5, kPro), On(6, kPro, "past_due")},
       kPro,
       same,
       "enterprise until day 30"},
      {"invoices were not collected", {On(0, kEnt, "active", 30, true), On(5, kPro)}, kPro, same, "nothing"},
      {"collection paused before the downgrade",
       {On(0, kEnt), On(1, kEnt, "active", 30, true), On(5, kPro)},
       kPro,
       same,
       "nothing"},
      {"no period", {{kDay0, kEnt, "active"}, On(5, kPro)}, kPro, same, "nothing"},
      {"no period after", {On(0, kEnt), {kDay0 + days(5), kPro, "active"}}, kPro, same, "enterprise until day 30"},
      {"nothing at all", {}, kPro, same, "nothing"},
  };
  for (const auto& c : cases) EXPECT_EQ(Held(c.history, c.now, c.present), c.held) << c.what;
}

// Older events may be left unread once newer ones show the same.
TEST(HeldTier, NeedsTheNewestOfEachPaidPeriodOnly) {
  const auto whole = {On(0, kEnt), On(3, kEnt), On(5, kPro), On(6, kPro, "past_due"), On(7, kPro), On(9, kPro)};
  const auto left = {On(3, kEnt), On(6, kPro, "past_due"), On(9, kPro)};
  EXPECT_EQ(Held(whole, kPro), "enterprise until day 30");
  EXPECT_EQ(Held(left, kPro), Held(whole, kPro));
}

TEST(HeldTier, TakesTheHighestAndThenTheLongest) {
  const std::vector<BoughtTier> history = {On(0, kPro, "active", 40), On(1, kEnt, "active", 35), On(5, kFree)};
  EXPECT_EQ(Held(history, kFree, From(0, 50)), "enterprise until day 35");
  EXPECT_EQ(Held({On(0, kPro, "active", 40), On(1, kPro, "active", 45), On(5, kFree)}, kFree, From(0, 50)),
            "pro until day 45");
  EXPECT_EQ(Held({On(0, kPro, "active", 40), On(5, kFree)}, kFree, From(0, 35)), "pro until day 35");
}

}  // namespace
}  // namespace billsync::billing
