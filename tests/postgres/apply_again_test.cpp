// The same events again, in other batches, and by two appliers at once: the same rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <random>

#include "mirror.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

constexpr int kObjects = 20;

// Ten events for each of ten subscriptions and ten invoices, of ten users; a second apart, some in one second.
std::vector<std::string> ManyEvents() {
  std::vector<std::string> bodies;
  for (int object = 0; object < kObjects / 2; ++object) {
    const std::string n = std::to_string(object);
    const std::string customer = "cus_" + n;
    for (int step = 0; step < 10; ++step) {
      const std::string event = "evt_" + n + "_" + std::to_string(step);
      const long long created = kAsOfSeconds - 1000 + step / 2;
      bodies.push_back(
          SubscriptionEvent{.event = event + "s",
                            .type = step == 0 ? "customer.subscription.created" : "customer.subscription.updated",
                            .created = created,
                            .id = "sub_" + n,
                            .customer = customer,
                            .status = step % 3 == 2 ? "past_due" : "active",
                            .price = step % 2 == 0 ? "price_demo_pro_monthly" : "price_demo_enterprise_monthly",
                            .unit_amount = 1000 + step}
              .Body());
      bodies.push_back(InvoiceEvent{.event = event + "i",
                                    .type = step < 9 ? "invoice.updated" : "invoice.paid",
                                    .created = created,
                                    .id = "in_" + n,
                                    .customer = customer,
                                    .status = step < 3   ? "draft"
                                              : step < 9 ? "open"
                                                         : "paid",
                                    .total = 1000 + step}
                           .Body());
    }
  }
  return bodies;
}

void Fill(Mirror& mirror) {
  for (int n = 0; n < kObjects / 2; ++n) {
    AddUser(mirror.database, n + 1, {{"stripe_customer_id", "'cus_" + std::to_string(n) + "'"}});
  }
  auto bodies = ManyEvents();
  std::ranges::shuffle(bodies, std::mt19937(20261120));  // always the same order
  for (const auto& body : bodies) mirror.Store(body);
}

TEST(ApplyAgain, TwoAppliersAtOnceEndInTheRowsOfOneAndApplyEachEventOnce) {
  Mirror alone, together;
  Fill(alone);
  Fill(together);
  alone.Apply();
  const auto apply = [&] { return together.Apply(DemoOptions(7)); };
  auto first = std::async(std::launch::async, apply);
  auto second = std::async(std::launch::async, apply);
  EXPECT_EQ(first.get() + second.get(), 200U);
  EXPECT_EQ(together.database.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied' AND attempts = 1"),
            "200");
  EXPECT_EQ(together.Rows(), alone.Rows());
}

TEST(ApplyAgain, ChangesNoRowNotEvenItsUpdatedAt) {
  Mirror mirror;
  for (const char* name : {"ada", "grace", "linus", "margaret", "katherine"}) {
    for (const auto& body : CaseBodies(name)) mirror.Store(body);
  }
  AddUser(mirror.database, 1);
  AddUser(mirror.database, 2, {{"stripe_customer_id", "'cus_demo_grace'"}});
  AddUser(mirror.database, 3, {{"stripe_customer_id", "'cus_demo_linus'"}});
  AddUser(mirror.database, 4, {{"stripe_customer_id", "'cus_demo_margaret'"}});
  AddUser(mirror.database, 5, {{"stripe_customer_id", "'cus_demo_katherine'"}});
  mirror.Apply();
  // xmin tells of any write at all, also of one that changed nothing.
  const std::string versions =
      "SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (SELECT id || xmin::text || updated_at AS line FROM users "
      "UNION ALL SELECT id || xmin::text || updated_at FROM billing_subscriptions "
      "UNION ALL SELECT id || xmin::text || updated_at FROM billing_invoices "
      "UNION ALL SELECT stripe_customer_id || xmin::text || updated_at FROM billing_customers "
      "UNION ALL SELECT id || xmin::text FROM billing_plan_changes) t";
  const std::string before = mirror.database.Value(versions);
  mirror.database.Run("UPDATE stripe_events SET status = 'received', next_attempt_at = now()");
  EXPECT_GT(mirror.Apply(DemoOptions(4)), 20U);
  EXPECT_EQ(mirror.database.Value(versions), before);
}

TEST(ApplyAgain, AReplayIntoAnEmptyMirrorGivesTheSameRows) {
  Mirror mirror;
  Fill(mirror);
  mirror.Apply(DemoOptions(9));
  const std::string before = mirror.Rows();
  mirror.database.Run(
      "DELETE FROM billing_invoices; DELETE FROM billing_subscriptions; DELETE FROM billing_customers; "
      "UPDATE stripe_events SET status = 'received', next_attempt_at = now()");
  mirror.Apply();
  EXPECT_EQ(mirror.Rows(), before);
}

TEST(ApplyAgain, AnEventThatIsDueIsAppliedByTheRunningApplierWithinASecond) {
  Mirror mirror;
  AddUser(mirror.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  apply::Applier applier(mirror.pool(), DemoOptions(), [] { return kAsOf; });
  applier.Start();
  mirror.Store(SubscriptionEvent{}.Body());
  const auto stored = std::chrono::steady_clock::now();
  while (mirror.StatusOf("evt_1") != "applied" &&
         std::chrono::steady_clock::now() - stored < std::chrono::seconds(20)) {
    std::this_thread::yield();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - stored, std::chrono::seconds(1));
  applier.Stop();
  mirror.Store(InvoiceEvent{}.Body());
  EXPECT_EQ(mirror.StatusOf("evt_2"), "received") << "a stopped applier applies nothing";
}

}  // namespace
}  // namespace billsync::testing
