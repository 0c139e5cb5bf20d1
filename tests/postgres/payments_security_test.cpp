// Row-level security of the tables beside the invoices: a platform user sees the own rows only.
#include <gtest/gtest.h>

#include "money_events.h"
#include "platform_rows.h"
#include "support/login_role.h"

namespace billsync::testing {
namespace {

class PaymentsSecurity : public ::testing::Test {
 protected:
  // Two users with a payment, a refund, a credit note, a discount and features each; the refunds name no customer.
  PaymentsSecurity() {
    for (const int user : {1, 2}) {
      const std::string n = std::to_string(user);
      AddUser(mirror_.database, user, {{"stripe_customer_id", "'cus_" + n + "'"}});
      mirror_.Store(CustomerEvent{.event = "evt_cus_" + n, .id = "cus_" + n}.Body());
      mirror_.Store(
          ChargeEvent{.event = "evt_ch_" + n, .id = "ch_" + n, .payment_intent = "pi_" + n, .customer = "cus_" + n}
              .Body());
      mirror_.Store(
          RefundEvent{.event = "evt_re_" + n, .id = "re_" + n, .payment_intent = "pi_" + n, .charge = "ch_" + n}
              .Body());
      mirror_.Store(CreditNoteEvent{.event = "evt_cn_" + n, .id = "cn_" + n, .customer = "cus_" + n}.Body());
      mirror_.Store(
          EventBody("evt_di_" + n, "customer.discount.created", kAsOfSeconds,
                    R"("id":"di_)" + n + R"(","object":"discount","coupon":"C","customer":"cus_)" + n + "\""));
      mirror_.Store(EventBody("evt_en_" + n, "entitlements.active_entitlement_summary.updated", kAsOfSeconds,
                              R"("object":"entitlements.active_entitlement_summary","customer":"cus_)" + n +
                                  R"(","entitlements":{"has_more":false,"data":[]})"));
    }
    mirror_.Apply();
  }

  // What the role sees, as the platform's user number 1; every table, a line a row.
  std::string Seen(const std::string& settings) {
    db::Session session({.url = role_.url(), .role = "test", .refuse_hidden_rows = false});
    db::Transaction tx(session);
    if (!settings.empty()) tx.Exec("test", settings, {});
    return tx
        .Exec("test",
              "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') AS ids FROM (SELECT stripe_object_id AS id FROM "
              "billing_payments UNION ALL SELECT stripe_refund_id FROM billing_refunds UNION ALL SELECT "
              "stripe_credit_note_id FROM billing_credit_notes UNION ALL SELECT stripe_discount_id FROM "
              "billing_discounts UNION ALL SELECT stripe_customer_id FROM billing_customer_features) t",
              {})
        .Only()
        .Text("ids");
  }

  Mirror mirror_;
  LoginRole role_{mirror_.database};
};

TEST_F(PaymentsSecurity, ShowsNothingToAPlatformsUserWhoWasGrantedNothing) {
  EXPECT_THROW(Seen(""), db::Bug);
}

TEST_F(PaymentsSecurity, ShowsAPlatformsUserTheOwnRowsOnly) {
  mirror_.database.Run(
      "GRANT SELECT ON billing_payments, billing_refunds, billing_credit_notes, billing_discounts, "
      "billing_customer_features TO " +
      role_.name() + "; GRANT EXECUTE ON FUNCTION billing_own_customers() TO " + role_.name());
  EXPECT_EQ(Seen("SELECT set_config('app.current_user_id', '" + UserId(1) + "', true)"), "ch_1 cn_1 cus_1 di_1 re_1");
  EXPECT_EQ(Seen("SELECT set_config('app.current_user_id', '', true)"), "");
  EXPECT_EQ(Seen(""), "") << "nobody is set";
}

}  // namespace
}  // namespace billsync::testing
