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

BoughtTier Billed(BoughtTier bought, const std::string& invoice) {
  bought.invoice = invoice;
  return bought;
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
      {"up for a day", {On(0, kPro), Billed(On(5, kEnt), "in_2"), On(6, kPro)}, kPro, same, "enterprise until day 30"},
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

// ── Invoices ──

std::string HeldBy(const std::vector<BoughtTier>& history, const KnownInvoices& invoices, Tier now_tier = kPro) {
  const auto held = FindHeldTier(history, now_tier, From(0, 30), invoices);
  return held ? std::string(Name(held->tier)) : "nothing";
}

TEST(HeldTier, IsWhatAnInvoiceWasPaidFor) {
  const auto pro = [](int at, const char* invoice) { return Billed(On(at, kPro), invoice); };
  const auto ent = [](int at, const char* invoice) { return Billed(On(at, kEnt), invoice); };
  const auto on = [](int at) { return std::optional(kDay0 + days(at)); };
  const struct {
    const char* what;
    std::vector<BoughtTier> history;
    KnownInvoices invoices;
    const char* held;
  } cases[] = {
      {"billed at once", {pro(0, "a"), ent(5, "b"), pro(6, "b")}, {{"b", {true, on(5)}}}, "enterprise"},
      {"of an invoice nobody told of", {pro(0, "a"), ent(5, "b"), pro(6, "b")}, {}, "enterprise"},
      {"prorated at the renewal, which has not come", {pro(0, "a"), ent(5, "a"), pro(6, "a")}, {}, "nothing"},
      {"the same, and that invoice is paid",
       {pro(0, "a"), ent(5, "a"), pro(6, "a")},
       {{"a", {true, on(0)}}},
       "nothing"},
      {"prorated, and then renewed", {pro(0, "a"), ent(5, "a"), ent(7, "b"), pro(8, "b")}, {}, "enterprise"},
      {"prorated, and then renewed without being paid",
       {pro(0, "a"), ent(5, "a"), ent(7, "b"), pro(8, "b")},
       {{"b", {false, on(7)}}},
       "nothing"},
      {"down and up again in a paid period, and down",
       {ent(0, "a"), pro(1, "a"), ent(2, "a"), pro(3, "a")},
       {},
       "enterprise"},
      {"void, open or a draft", {ent(0, "a"), pro(5, "a")}, {{"a", {false, on(0)}}}, "nothing"},
      {"failed after the downgrade",
       {pro(0, "a"), ent(5, "b"), pro(6, "b"), Billed(On(7, kPro, "past_due"), "b"), pro(8, "b")},
       {{"b", {false, on(5)}}},
       "nothing"},
      {"lowered while the invoice was a draft", {ent(0, "a"), pro(1, "a")}, {{"a", {true, on(2)}}}, "nothing"},
      {"lowered when the invoice was final", {ent(0, "a"), pro(2, "a")}, {{"a", {true, on(1)}}}, "enterprise"},
      {"lowered while the invoice is a draft", {ent(0, "a"), pro(1, "a")}, {{"a", {false, {}}}}, "nothing"},
      {"raised and lowered in one moment", {pro(0, "a"), ent(5, "b"), pro(5, "b")}, {{"b", {true, on(5)}}}, "nothing"},
      {"never an invoice at all", {On(0, kPro), On(5, kEnt), On(6, kPro)}, {}, "nothing"},
      {"two steps down, of which one is paid",
       {pro(0, "a"), ent(5, "b"), Billed(On(6, kFree), "b")},
       {{"a", {true, on(0)}}, {"b", {false, on(5)}}},
       "pro"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(HeldBy(c.history, c.invoices, *c.history.back().tier), c.held) << c.what;
  }
}

// Older events may be left unread once newer ones show the same.
TEST(HeldTier, NeedsTheNewestOfEachPaidPeriodOnly) {
  const auto whole = {On(0, kEnt), On(3, kEnt), On(5, kPro), On(6, kPro, "past_due"), On(7, kPro), On(9, kPro)};
  const auto left = {On(3, kEnt), On(6, kPro, "past_due"), On(9, kPro)};
  EXPECT_EQ(Held(whole, kPro), "enterprise until day 30");
  EXPECT_EQ(Held(left, kPro), Held(whole, kPro));
}

TEST(HeldTier, TakesTheHighestAndThenTheLongest) {
  const std::vector<BoughtTier> history = {On(0, kPro, "active", 40), Billed(On(1, kEnt, "active", 35), "in_2"),
                                           On(5, kFree)};
  EXPECT_EQ(Held(history, kFree, From(0, 50)), "enterprise until day 35");
  EXPECT_EQ(Held({On(0, kPro, "active", 40), On(1, kPro, "active", 45), On(5, kFree)}, kFree, From(0, 50)),
            "pro until day 45");
  EXPECT_EQ(Held({On(0, kPro, "active", 40), On(5, kFree)}, kFree, From(0, 35)), "pro until day 35");
}

}  // namespace
}  // namespace billsync::billing
