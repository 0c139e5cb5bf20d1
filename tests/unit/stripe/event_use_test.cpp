#include "billsync/stripe/event_use.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace billsync::stripe {
namespace {

// Every snapshot type that Stripe's list of 2026-10-28.endive names in the families around billing, and what it is to
// us.
struct Family {
  const char* prefix;
  const char* verbs;
  EventUse use;
};

const std::vector<Family>& Families() {
  static const std::vector<Family> families{
      {"customer.", "created updated deleted", EventUse::kCustomer},
      {"customer.subscription.",
       "created updated deleted paused resumed trial_will_end pending_update_applied pending_update_expired",
       EventUse::kSubscription},
      {"customer.discount.", "created updated deleted", EventUse::kDiscount},
      {"customer.source.", "created updated deleted expiring", EventUse::kIgnored},
      {"customer.tax_id.", "created updated deleted", EventUse::kIgnored},
      {"customer_cash_balance_transaction.", "created", EventUse::kIgnored},
      {"invoice.",
       "created updated finalized finalization_failed paid payment_succeeded payment_failed payment_action_required "
       "payment_attempt_required sent voided marked_uncollectible deleted overdue overpaid will_be_due",
       EventUse::kInvoice},
      {"invoice.", "upcoming", EventUse::kIgnored},  // a preview: there is nothing to keep it under
      {"invoice_payment.", "paid", EventUse::kInvoicePayment},
      {"invoiceitem.", "created deleted updated", EventUse::kIgnored},
      {"checkout.session.", "completed async_payment_succeeded async_payment_failed expired",
       EventUse::kCheckoutSession},
      {"credit_note.", "created updated voided", EventUse::kCreditNote},
      {"charge.", "succeeded failed pending captured expired updated refunded", EventUse::kCharge},
      {"charge.refund.", "updated", EventUse::kRefund},
      {"charge.dispute.", "created updated closed funds_withdrawn funds_reinstated", EventUse::kIgnored},
      {"refund.", "created updated failed", EventUse::kRefund},
      {"price.", "created updated deleted", EventUse::kPrice},
      {"product.", "created updated deleted", EventUse::kProduct},
      {"plan.", "created updated deleted", EventUse::kIgnored},  // says again what price.* says
      {"coupon.", "created updated deleted", EventUse::kIgnored},
      {"promotion_code.", "created updated", EventUse::kIgnored},
      {"tax_rate.", "created updated", EventUse::kIgnored},
      {"subscription_schedule.", "created updated released canceled completed aborted expiring", EventUse::kSchedule},
      {"entitlements.active_entitlement_summary.", "updated", EventUse::kActiveEntitlements},
      {"billing.meter.", "created updated deactivated reactivated", EventUse::kIgnored},
      {"billing.alert.", "triggered", EventUse::kIgnored},
      {"billing.credit_grant.", "created updated", EventUse::kIgnored},
      {"billing.credit_balance_transaction.", "created", EventUse::kIgnored},
      {"quote.", "created finalized accepted canceled", EventUse::kIgnored},
      {"payment_intent.",
       "created processing requires_action succeeded payment_failed canceled amount_capturable_updated "
       "partially_funded",
       EventUse::kPaymentIntent},
      {"setup_intent.", "created succeeded canceled requires_action setup_failed", EventUse::kIgnored},
      {"billing_portal.", "configuration.created configuration.updated session.created", EventUse::kIgnored},
      {"test_helpers.test_clock.", "created advancing ready internal_failure deleted", EventUse::kIgnored},
      {"v1.billing.meter.", "error_report_triggered no_meter_found", EventUse::kIgnored},
  };
  return families;
}

TEST(EventUse, KnowsEveryTypeOfTheList) {
  for (const auto& family : Families()) {
    std::istringstream verbs(family.verbs);
    for (std::string verb; verbs >> verb;) {
      EXPECT_EQ(UseOf(family.prefix + verb, "anything"), family.use) << family.prefix << verb;
    }
  }
}

TEST(EventUse, IgnoresWhatStripeMayAddLater) {
  for (const auto& family : Families()) {
    for (const char* verb : {"brand_new", "", "created.v2", "Created"}) {
      EXPECT_EQ(UseOf(std::string(family.prefix) + verb, "anything"), EventUse::kIgnored) << family.prefix << verb;
    }
  }
  for (const char* type : {"", "invoice", "invoice.", "payment_record.created", "a", "zzz", "subscription.updated"}) {
    EXPECT_EQ(UseOf(type, "invoice"), EventUse::kIgnored) << type;
  }
}

TEST(EventUse, IgnoresThinTypesOfTheSameName) {
  for (const char* type : {"v1.customer.subscription.updated", "v1.invoice.paid", "v1.price.activated"}) {
    EXPECT_EQ(UseOf(type, "subscription"), EventUse::kIgnored) << type;
  }
}

// An event whose object is not what its type promises is unreadable, which is not unimportant.
TEST(EventUse, LetsTheTypeAloneDecideAboutAnEvent) {
  EXPECT_EQ(UseOf("customer.subscription.updated", "plan"), EventUse::kSubscription);
  EXPECT_EQ(UseOf("refund.created", ""), EventUse::kRefund);
}

TEST(EventUse, DecidesAboutAnApiReadByItsObject) {
  const std::vector<std::pair<const char*, EventUse>> rows{
      {"subscription", EventUse::kSubscription},
      {"invoice", EventUse::kInvoice},
      {"customer", EventUse::kCustomer},
      {"checkout.session", EventUse::kCheckoutSession},
      {"price", EventUse::kPrice},
      {"product", EventUse::kProduct},
      {"subscription_schedule", EventUse::kSchedule},
      {"charge", EventUse::kCharge},
      {"payment_intent", EventUse::kPaymentIntent},
      {"invoice_payment", EventUse::kInvoicePayment},
      {"refund", EventUse::kRefund},
      {"credit_note", EventUse::kCreditNote},
      {"discount", EventUse::kDiscount},
      {"entitlements.active_entitlement_summary", EventUse::kActiveEntitlements},
      {"plan", EventUse::kIgnored},
      {"list", EventUse::kIgnored},
      {"", EventUse::kIgnored},
  };
  for (const auto& [object, use] : rows) EXPECT_EQ(UseOf(kApiReadType, object), use) << object;
}

}  // namespace
}  // namespace billsync::stripe
