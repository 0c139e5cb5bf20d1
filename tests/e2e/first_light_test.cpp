// The way a newcomer goes: a signed event in, rows out.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

// A linked, paying customer: the acceptance of the webhook, end to end.
TEST(FirstLight, ASubscriptionAndAPaidInvoiceMoveTheUserWithinASecond) {
  TestDatabase database;
  AddUser(database, 2, "grace", "cus_demo_grace");
  RunningService service(database.url());
  for (const char* name : {"01-customer.subscription.created", "03-invoice.paid"}) {
    const std::string body = Fixture(std::string("grace/") + name + ".json");
    const auto answer = PostEvent(service.port(), body, SignIndependently(body));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.body.find("\"duplicate\":false"), std::string::npos) << answer.body;
  }
  EXPECT_TRUE(
      Eventually([&] { return database.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied'") == "2"; },
                 std::chrono::seconds(1)));
  EXPECT_EQ(database.Value("SELECT plan_tier || ' ' || monthly_runs_quota FROM users"), "pro 1000");
  EXPECT_EQ(database.Value("SELECT status || ' ' || amount_usd FROM billing_subscriptions"), "active 29.00");
  EXPECT_EQ(database.Value("SELECT status || ' ' || amount_usd || ' ' || paid FROM billing_invoices"),
            "paid 29.00 true");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_plan_changes"), "1");
}

}  // namespace
}  // namespace billsync::testing
