// Objects whose rows depend on each other, by two appliers at once: the rows of one.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <random>

#include "money_events.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

// Invoices with what pays, refunds and credits them, each pair named in another way. Two invoices share a payment.
std::vector<std::string> MoneyEvents(int invoices) {
  std::vector<std::string> bodies;
  for (int number = 0; number < invoices; ++number) {
    const std::string n = std::to_string(number);
    const std::string in = "in_" + n, pi = "pi_" + n, ch = "ch_" + n;
    const bool old_shape = number % 3 == 0;
    bodies.push_back(PaidInvoiceEvent{.event = "evt_in_" + n,
                                      .id = in,
                                      .payment_intent = old_shape ? "pi_" + std::to_string(number / 6 * 6) : "",
                                      .charge = ""}
                         .Body());
    if (number % 3 == 1) {
      bodies.push_back(
          InvoicePaymentEvent{.event = "evt_ip_" + n, .id = "inpay_" + n, .invoice = in, .payment_intent = pi}.Body());
    }
    bodies.push_back(ChargeEvent{.event = "evt_ch_" + n,
                                 .type = "charge.refunded",
                                 .id = ch,
                                 .payment_intent = pi,
                                 .invoice = number % 3 == 2 ? in : "",
                                 .amount_refunded = 100 + number}
                         .Body());
    bodies.push_back(
        RefundEvent{.event = "evt_re_" + n, .id = "re_" + n, .payment_intent = pi, .charge = ch, .amount = 90 + number}
            .Body());
    bodies.push_back(
        CreditNoteEvent{.event = "evt_cn_" + n, .id = "cn_" + n, .invoice = in, .amount = 10 + number}.Body());
  }
  return bodies;
}

void Fill(Mirror& mirror, const std::vector<std::string>& bodies) {
  mirror.Clear();
  AddUser(mirror.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  for (const auto& body : bodies) mirror.Store(body);
}

TEST(ApplyRace, OfTwoAppliersOnObjectsThatDependOnEachOtherEndsInTheRowsOfOne) {
  constexpr int kInvoices = 12;
  constexpr int kRounds = 25;
  Mirror mirror;
  auto bodies = MoneyEvents(kInvoices);
  Fill(mirror, bodies);
  mirror.Apply();
  const std::string expected = mirror.Rows();
  EXPECT_EQ(mirror.database.Value("SELECT count(*) FROM billing_invoices WHERE amount_refunded_minor > 0"), "10")
      << "of each two invoices that share a payment, one has none";
  std::mt19937 random(20261122);
  for (int round = 0; round < kRounds; ++round) {
    std::ranges::shuffle(bodies, random);
    Fill(mirror, bodies);
    const int64_t batch = 1 + round % 4;
    const auto apply = [&] { mirror.Apply(DemoOptions(batch)); };
    auto first = std::async(std::launch::async, apply);
    auto second = std::async(std::launch::async, apply);
    first.get();
    second.get();
    ASSERT_EQ(mirror.Rows(), expected) << "round " << round << ", batches of " << batch;
  }
}

// One event of a kind that others depend on is applied by a session that stops before its commit.
TEST(ApplyRace, ABatchThatDerivesFromOtherRowsWaitsForTheBatchThatWritesThem) {
  Mirror mirror;
  Fill(mirror, {PaidInvoiceEvent{.payment_intent = "pi_1"}.Body()});
  const auto other = mirror.database.Connect();
  db::Transaction holding(*other);
  holding.Exec("test", "SELECT pg_advisory_xact_lock(7243392, 17)", {});
  auto applied = std::async(std::launch::async, [&] { return mirror.Apply(); });
  while (mirror.database.Value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "0") {
    ASSERT_EQ(applied.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout) << "it did not wait";
  }
  holding.Exec("test",
               "INSERT INTO billing_refunds (stripe_refund_id, stripe_payment_intent_id, currency, amount_minor, "
               "livemode, needs_refetch, last_event_id, last_event_created) VALUES ('re_1', 'pi_1', 'usd', 700, false, "
               "false, 'evt_x', now())",
               {});
  holding.Commit();
  EXPECT_EQ(applied.get(), 1U);
  EXPECT_EQ(mirror.database.Value("SELECT amount_refunded_minor FROM billing_invoices"), "700");
}

TEST(ApplyRace, BatchesOfInvoicesAloneDoNotWaitForEachOther) {
  Mirror mirror;
  Fill(mirror, {PaidInvoiceEvent{}.Body()});
  const auto other = mirror.database.Connect();
  db::Transaction holding(*other);
  holding.Exec("test", "SELECT pg_advisory_xact_lock_shared(7243392, 17)", {});
  EXPECT_EQ(mirror.Apply(), 1U);
  EXPECT_EQ(mirror.StatusOf("evt_invoice"), "applied");
}

}  // namespace
}  // namespace billsync::testing
