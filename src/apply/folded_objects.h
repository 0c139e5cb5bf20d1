// Every object of a batch as its fold left it, by kind.
#pragma once

#include <vector>

#include "checkout_reference.h"
#include "object_work.h"

namespace billsync::apply {

// One list a kind; the file that writes a kind's rows takes its list.
struct FoldedObjects {
  std::vector<SubscriptionWork> subscriptions;
  std::vector<InvoiceWork> invoices;
  std::vector<CustomerWork> customers;
  std::vector<CheckoutReference> references;
  std::vector<ChargeWork> charges;
  std::vector<PaymentIntentWork> payment_intents;
  std::vector<InvoicePaymentWork> invoice_payments;
  std::vector<RefundWork> refunds;
  std::vector<CreditNoteWork> credit_notes;
  std::vector<DiscountWork> discounts;
  std::vector<FeatureWork> features;
  std::vector<PriceWork> prices;
  std::vector<ProductWork> products;
  std::vector<ScheduleWork> schedules;
  // Objects of which a claimed event shares a second with another, nothing tells which came first, and they differ.
  size_t ties = 0;
};

// Folds one object and adds it to its list. The claimed events that cannot be read are parked, whatever the kind; an
// object of which nothing can be read is in no list.
void FoldObject(const ObjectKey& key, const Object& object, FoldedObjects& into, Outcomes& outcomes);

}  // namespace billsync::apply
