// Objects whose rows depend on each other, by two appliers at once: the rows of one.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <random>

#include "money_events.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

// What is known of one invoice, in one of three shapes. No two events name the same customer, except that somebody must
// own the invoice: a customer's lock would keep their batches apart.
std::vector<std::string> EventsOfOneInvoice(int number) {
  const std::string n = std::to_string(number);
  const std::string in = "in_" + n, pi = "pi_" + n, ch = "ch_" + n;
  const auto shape = number % 3;
  std::vector<std::string> bodies = {
      PaidInvoiceEvent{.event = "evt_in_" + n, .id = in, .customer = "cus_1", .payment_intent = shape == 0 ? pi : ""}
          .Body(),
      ChargeEvent{.event = "evt_ch_" + n,
                  .type = "charge.refunded",
                  .id = ch,
                  .payment_intent = pi,
                  .invoice = shape == 2 ? in : "",
                  .customer = "",
                  .amount_refunded = 100 + number}
          .Body(),
      RefundEvent{.event = "evt_re_" + n, .id = "re_" + n, .payment_intent = pi, .charge = ch, .amount = 120 + number}
          .Body(),
      CreditNoteEvent{.event = "evt_cn_" + n, .id = "cn_" + n, .invoice = in, .amount = 10 + number, .customer = ""}
          .Body()};
  if (shape == 1) {
    bodies.push_back(
        InvoicePaymentEvent{.event = "evt_ip_" + n, .id = "inpay_" + n, .invoice = in, .payment_intent = pi}.Body());
  }
  return bodies;
}

void Fill(Mirror& mirror, const std::vector<std::string>& bodies) {
  mirror.Clear();
  AddUser(mirror.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  for (const auto& body : bodies) mirror.Store(body);
}

// What belongs together is stored side by side, in another order each round, so that two appliers that take one or two
// events at a time mostly have different objects of the same invoice in hand.
TEST(ApplyRace, OfTwoAppliersOnObjectsThatDependOnEachOtherEndsInTheRowsOfOne) {
  constexpr int kInvoices = 9;
  constexpr int kRounds = 30;
  std::mt19937 random(20261122);
  const auto shuffled = [&random] {
    std::vector<std::string> bodies;
    for (int number = 0; number < kInvoices; ++number) {
      auto group = EventsOfOneInvoice(number);
      std::ranges::shuffle(group, random);
      bodies.insert(bodies.end(), group.begin(), group.end());
    }
    return bodies;
  };
  Mirror mirror;
  Fill(mirror, shuffled());
  mirror.Apply();
  const std::string expected = mirror.Rows();
  ASSERT_EQ(mirror.database.Value("SELECT count(*) FROM billing_invoices WHERE amount_refunded_minor BETWEEN 120 AND "
                                  "129 AND amount_credited_minor BETWEEN 10 AND 19"),
            std::to_string(kInvoices));
  for (int round = 0; round < kRounds; ++round) {
    Fill(mirror, shuffled());
    const int64_t batch = 1 + round % 2;
    const auto apply = [&] { mirror.Apply(DemoOptions(batch)); };
    auto first = std::async(std::launch::async, apply);
    auto second = std::async(std::launch::async, apply);
    first.get();
    second.get();
    ASSERT_EQ(mirror.Rows(), expected) << "round " << round << ", batches of " << batch;
  }
}

// Waits until the applier behind `applied` waits for an advisory lock.
void ExpectToWait(Mirror& mirror, std::future<size_t>& applied) {
  while (mirror.database.Value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "0") {
    ASSERT_EQ(applied.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout) << "it did not wait";
  }
}

// A session stands for a batch with a refund that has not committed yet.
TEST(ApplyRace, ABatchThatDerivesFromOtherRowsWaitsForTheBatchThatWritesThem) {
  Mirror mirror;
  Fill(mirror, {PaidInvoiceEvent{.payment_intent = "pi_1"}.Body()});
  const auto other = mirror.database.Connect();
  db::Transaction holding(*other);
  holding.Exec("test", "SELECT pg_advisory_xact_lock(7243392, 17)", {});
  auto applied = std::async(std::launch::async, [&] { return mirror.Apply(); });
  ExpectToWait(mirror, applied);
  holding.Exec("test",
               "INSERT INTO billing_refunds (stripe_refund_id, stripe_payment_intent_id, currency, amount_minor, "
               "livemode, needs_refetch, last_event_id, last_event_created) VALUES ('re_1', 'pi_1', 'usd', 700, false, "
               "false, 'evt_x', now())",
               {});
  holding.Commit();
  EXPECT_EQ(applied.get(), 1U);
  EXPECT_EQ(mirror.database.Value("SELECT amount_refunded_minor FROM billing_invoices"), "700");
}

// And the other way round: the session stands for a batch that writes the invoice.
TEST(ApplyRace, ABatchThatOthersDeriveFromWaitsForTheBatchesThatDerive) {
  Mirror mirror;
  Fill(mirror, {RefundEvent{}.Body()});
  const auto other = mirror.database.Connect();
  db::Transaction holding(*other);
  holding.Exec("test", "SELECT pg_advisory_xact_lock_shared(7243392, 17)", {});
  auto applied = std::async(std::launch::async, [&] { return mirror.Apply(); });
  ExpectToWait(mirror, applied);
  holding.Exec("test",
               "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_usd, "
               "amount_paid_usd, stripe_payment_intent_id) VALUES ($1::uuid, 'in_1', 'paid', 'usd', 29, 29, 'pi_1')",
               db::Params::Of(UserId(1)));
  holding.Commit();
  EXPECT_EQ(applied.get(), 1U);
  EXPECT_EQ(mirror.database.Value("SELECT amount_refunded_minor FROM billing_invoices"), "1000");
}

// The same with a batch that writes another invoice of the same payment: both share the cross-object lock.
TEST(ApplyRace, ABatchWithAnInvoiceWaitsForTheBatchWithAnotherInvoiceOfTheSamePayment) {
  Mirror mirror;
  Fill(mirror, {RefundEvent{}.Body()});
  mirror.Apply();
  mirror.Store(PaidInvoiceEvent{.payment_intent = "pi_1"}.Body());
  const auto other = mirror.database.Connect();
  db::Transaction holding(*other);
  holding.Exec("test", "SELECT pg_advisory_xact_lock_shared(7243392, 17)", {});
  holding.Exec("test", "SELECT pg_advisory_xact_lock(hashtextextended('pi_1', 7243392018))", {});
  auto applied = std::async(std::launch::async, [&] { return mirror.Apply(); });
  ExpectToWait(mirror, applied);
  holding.Exec("test",
               "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_usd, "
               "amount_paid_usd, stripe_payment_intent_id) VALUES ($1::uuid, 'in_0', 'paid', 'usd', 29, 29, 'pi_1')",
               db::Params::Of(UserId(1)));
  holding.Commit();
  EXPECT_EQ(applied.get(), 1U);
  EXPECT_EQ(mirror.database.Value("SELECT string_agg(stripe_invoice_id || ' ' || amount_refunded_minor, ', ' ORDER BY "
                                  "stripe_invoice_id) FROM billing_invoices"),
            "in_0 1000, in_1 0");
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
