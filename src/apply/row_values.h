// Which column of a row comes from which member of a folded object: the rows that the *_rows.cpp write, seen from the
// other side. A column that is missing here is shown without an event.
#pragma once

#include <vector>

#include "billsync/stripe/merge.h"
#include "fold_view.h"

namespace billsync::apply {

std::vector<RowValue> RowValues(const stripe::FoldedSubscription& fold);
std::vector<RowValue> RowValues(const stripe::FoldedInvoice& fold);
std::vector<RowValue> RowValues(const stripe::FoldedCustomer& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::CatalogPrice>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::Product>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::SubscriptionSchedule>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::Charge>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::PaymentIntent>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::InvoicePayment>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::Refund>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::CreditNote>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::Discount>& fold);
std::vector<RowValue> RowValues(const stripe::Folded<stripe::ActiveEntitlements>& fold);

}  // namespace billsync::apply
