// Which refunds belong to which invoice.
#include "apply/payment_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace billsync::apply {
namespace {

using Kind = PaymentFact::Kind;

PaymentFact Charge(const std::string& id, std::optional<std::string> intent, std::int64_t refunded) {
  return {.said_by = id,
          .kind = Kind::kCharge,
          .payment_intent = std::move(intent),
          .charge = id,
          .invoice = {},
          .currency = "usd",
          .amount_minor = refunded};
}

PaymentFact Refund(const std::string& id, std::optional<std::string> intent, std::optional<std::string> charge,
                   std::int64_t amount, bool failed = false) {
  return {.said_by = id,
          .kind = Kind::kRefund,
          .payment_intent = std::move(intent),
          .charge = std::move(charge),
          .invoice = {},
          .currency = "usd",
          .amount_minor = amount,
          .failed = failed};
}

PaymentFact Paid(const std::string& id, std::optional<std::string> intent, std::optional<std::string> charge,
                 const std::string& invoice) {
  return {.said_by = id,
          .kind = Kind::kOther,
          .payment_intent = std::move(intent),
          .charge = std::move(charge),
          .invoice = invoice,
          .currency = "usd"};
}

PaymentFact At(int second, PaymentFact fact) {
  fact.as_of = Instant(std::chrono::seconds(second));
  return fact;
}

struct Case {
  std::string name;
  std::vector<PaymentFact> facts;
  std::int64_t in_1;
};

std::vector<Case> Cases() {
  const auto none = std::nullopt;
  return {
      {"nothing is known", {}, 0},
      {"refund objects alone", {Paid("inpay", "pi", none, "in_1"), Refund("re", "pi", "ch", 10)}, 10},
      {"the charge alone", {Paid("inpay", "pi", none, "in_1"), Charge("ch", "pi", 10)}, 10},
      {"both say the same", {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 10), Refund("re", "pi", "ch", 10)}, 10},
      {"the charge is behind",
       {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 4), Refund("re", "pi", "ch", 10)},
       10},
      {"a refund object is missing",
       {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 9), Refund("re", "pi", "ch", 4)},
       9},
      {"one failed, the charge has not heard",
       {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 10), Refund("re", "pi", "ch", 10, true)},
       0},
      {"one failed, the charge has heard",
       {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 0), Refund("re", "pi", "ch", 10, true)},
       0},
      {"one failed, one did not",
       {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 16), Refund("a", "pi", "ch", 10, true),
        Refund("b", "pi", "ch", 6)},
       6},
      {"one failed before the charge's newest snapshot, another is known from that alone",
       {Paid("i", "pi", none, "in_1"), At(2, Charge("ch", "pi", 10)), At(1, Refund("a", "pi", "ch", 6, true))},
       10},
      {"one failed before the charge's newest snapshot, one since",
       {Paid("i", "pi", none, "in_1"), At(2, Charge("ch", "pi", 10)), At(1, Refund("a", "pi", "ch", 6, true)),
        At(3, Refund("b", "pi", "ch", 4, true))},
       6},
      {"one failed in the second of the charge's newest snapshot, which may not have heard",
       {Paid("i", "pi", none, "in_1"), At(2, Charge("ch", "pi", 10)), At(2, Refund("a", "pi", "ch", 10, true))},
       0},
      {"the refund names only the charge, the invoice only the intent",
       {Paid("i", "pi", none, "in_1"), Charge("ch", "pi", 0), Refund("re", none, "ch", 10)},
       10},
      {"without anything that joins the two it cannot be known",
       {Paid("i", "pi", none, "in_1"), Refund("re", none, "ch", 10)},
       0},
      {"two charges of one intent", {Paid("i", "pi", none, "in_1"), Charge("a", "pi", 3), Charge("b", "pi", 4)}, 7},
      {"two payments",
       {Paid("i", "pi", none, "in_1"), Paid("j", none, "ch", "in_1"), Charge("ch", none, 3),
        Refund("re", "pi", none, 4)},
       7},
      {"a smaller invoice has the payment too",
       {Paid("i", "pi", none, "in_1"), Paid("j", none, "ch", "in_0"), Refund("re", "pi", "ch", 4)},
       0},
      {"a larger invoice has the payment too",
       {Paid("i", "pi", none, "in_1"), Paid("j", none, "ch", "in_2"), Refund("re", "pi", "ch", 4)},
       4},
  };
}

TEST(RefundedByInvoice, IsTheSameInWhateverOrderAndHoweverOftenFactsAreRead) {
  for (auto& [name, facts, expected] : Cases()) {
    std::ranges::sort(facts, {}, &PaymentFact::said_by);
    do {
      auto read = facts;
      read.insert(read.end(), facts.begin(), facts.end());
      ASSERT_EQ(RefundedByInvoice(read, {{"in_1", "usd"}}).at("in_1"), expected) << name;
    } while (std::ranges::next_permutation(facts, {}, &PaymentFact::said_by).found);
  }
}

TEST(RefundedByInvoice, CountsNoOtherCurrency) {
  auto refund = Refund("re", "pi", "ch", 10);
  refund.currency = "eur";
  const std::vector<PaymentFact> facts = {Paid("i", "pi", std::nullopt, "in_1"), refund, Charge("ch", "pi", 3)};
  EXPECT_EQ(RefundedByInvoice(facts, {{"in_1", "usd"}}).at("in_1"), 3);
  EXPECT_EQ(RefundedByInvoice(facts, {{"in_1", "eur"}}).at("in_1"), 10);
}

TEST(RefundedByInvoice, FollowsLongChainsOfNames) {
  std::vector<PaymentFact> facts = {Paid("i", "pi_0", std::nullopt, "in_1"), Refund("re", std::nullopt, "ch_200", 5)};
  for (int n = 0; n < 200; ++n) {
    facts.push_back(Paid("a" + std::to_string(n), "pi_" + std::to_string(n), "ch_" + std::to_string(n + 1), "in_9"));
    facts.push_back(
        Paid("b" + std::to_string(n), "pi_" + std::to_string(n + 1), "ch_" + std::to_string(n + 1), "in_9"));
  }
  EXPECT_EQ(RefundedByInvoice(facts, {{"in_1", "usd"}, {"in_9", "usd"}}),
            (std::map<std::string, std::int64_t>{{"in_1", 5}, {"in_9", 0}}));
}

TEST(RefundedByInvoice, RefusesSumsThatDoNotFit) {
  constexpr auto kHuge = std::numeric_limits<std::int64_t>::max();
  const std::vector<PaymentFact> facts = {Paid("i", "pi", std::nullopt, "in_1"), Refund("a", "pi", "ch", kHuge),
                                          Refund("b", "pi", "ch", 1)};
  EXPECT_THROW(RefundedByInvoice(facts, {{"in_1", "usd"}}), std::overflow_error);
}

}  // namespace
}  // namespace billsync::apply
