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

// "enterprise until day 30", or "nothing".
std::string Held(const std::vector<BoughtTier>& history, Tier now_tier) {
  const auto held = FindHeldTier(history, now_tier);
  if (!held) return "nothing";
  return std::string(Name(held->tier)) + " until day " +
         std::to_string(std::chrono::duration_cast<days>(held->until - kDay0).count());
}

TEST(HeldTier, IsWhatWasPaidForAndStillRuns) {
  const struct {
    const char* what;
    std::vector<BoughtTier> history;
    Tier now;
    const char* held;
  } cases[] = {
      {"one snapshot", {On(0, kEnt)}, kEnt, "nothing"},
      {"an upgrade", {On(0, kPro), On(5, kEnt)}, kEnt, "nothing"},
      {"a downgrade", {On(0, kEnt), On(5, kPro)}, kPro, "enterprise until day 30"},
      {"a downgrade to add-ons only", {On(0, kEnt), On(5, kFree)}, kFree, "enterprise until day 30"},
      {"two steps down", {On(0, kEnt), On(5, kPro), On(6, kFree)}, kFree, "enterprise until day 30"},
      {"later updates change nothing", {On(0, kEnt), On(5, kPro), On(9, kPro)}, kPro, "enterprise until day 30"},
      {"an unknown price between", {On(0, kEnt), On(5, {}), On(6, kPro)}, kPro, "enterprise until day 30"},
      {"down and up again", {On(0, kEnt), On(5, kPro), On(6, kEnt)}, kEnt, "nothing"},
      {"up for a day", {On(0, kPro), On(5, kEnt), On(6, kPro)}, kPro, "enterprise until day 30"},
      {"at the turn of the period", {On(0, kEnt), On(30, kPro, "active", 60)}, kPro, "nothing"},
      {"a day before the turn", {On(0, kEnt), On(29, kPro)}, kPro, "enterprise until day 30"},
      {"renewed since", {On(0, kEnt), On(5, kPro), On(30, kPro, "active", 60)}, kPro, "nothing"},
      {"a year's plan, now monthly and renewed",
       {On(0, kEnt, "active", 365), On(5, kPro, "active", 35), On(35, kPro, "active", 65)},
       kPro,
       "nothing"},
      {"a year's plan, now monthly",
       {On(0, kEnt, "active", 365), On(5, kPro, "active", 35)},
       kPro,
       "enterprise until day 35"},
      {"the earlier period of several",
       {On(0, kEnt, "active", 365), On(2, kEnt, "active", 32), On(5, kPro, "active", 40)},
       kPro,
       "enterprise until day 32"},
      {"a trial was not paid", {On(0, kEnt, "trialing"), On(5, kPro)}, kPro, "nothing"},
      {"lowered into a trial", {On(0, kEnt), On(5, kPro, "trialing")}, kPro, "enterprise until day 30"},
      {"never paid", {On(0, kEnt, "incomplete"), On(5, kPro)}, kPro, "nothing"},
      {"renewed, but the payment failed", {On(0, kEnt), On(1, kEnt, "past_due"), On(5, kPro)}, kPro, "nothing"},
      {"lowered while past_due", {On(0, kEnt), On(5, kPro, "past_due")}, kPro, "nothing"},
      {"failed and recovered before",
       {On(0, kEnt), On(1, kEnt, "past_due"), On(2, kEnt), On(5, kPro)},
       kPro,
       "enterprise until day 30"},
      {"failed after the downgrade",
       {On(0, kEnt), On(5, kPro), On(6, kPro, "past_due")},
       kPro,
       "enterprise until day 30"},
      {"invoices were not collected", {On(0, kEnt, "active", 30, true), On(5, kPro)}, kPro, "nothing"},
      {"canceled", {On(0, kEnt), On(5, kEnt, "canceled")}, kEnt, "nothing"},
      {"no period", {{kDay0, kEnt, "active"}, On(5, kPro)}, kPro, "nothing"},
      {"no period after", {On(0, kEnt), {kDay0 + days(5), kPro, "active"}}, kPro, "enterprise until day 30"},
      {"nothing at all", {}, kPro, "nothing"},
  };
  for (const auto& c : cases) EXPECT_EQ(Held(c.history, c.now), c.held) << c.what;
}

TEST(HeldTier, TakesTheHighestAndThenTheLongest) {
  const std::vector<BoughtTier> history = {On(0, kPro, "active", 40), On(1, kEnt, "active", 35), On(5, kFree)};
  EXPECT_EQ(Held(history, kFree), "enterprise until day 30");
  EXPECT_EQ(Held({On(0, kPro, "active", 40), On(5, kFree, "active", 50)}, kFree), "pro until day 40");
}

}  // namespace
}  // namespace billsync::billing
