#include "invoice_totals.h"

#include "apply/invoice_totals_sql.h"
#include "billsync/billing/money.h"

namespace billsync::apply {
namespace {

std::vector<std::string> Listed(const std::set<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

void Note(const std::optional<std::string>& name, std::set<std::string>& into) {
  if (name) into.insert(*name);
}

}  // namespace

InvoiceTotals::InvoiceTotals(const FoldedObjects& objects, const std::vector<InvoiceWork>& invoices) {
  for (const auto& work : invoices) {
    const auto& invoice = work.fold.current;
    if (!invoice.id) continue;
    objects_.insert(*invoice.id);
    invoices_.insert(*invoice.id);
    Note(invoice.payment_intent, own_payments_);
    Note(invoice.charge, own_payments_);
  }
  payments_ = own_payments_;
  for (const auto& work : objects.charges) {
    objects_.insert(work.fold.current.id);
    payments_.insert(work.fold.current.id);
    Note(work.fold.current.payment_intent, payments_);
  }
  for (const auto& work : objects.payment_intents) {
    objects_.insert(work.fold.current.id);
    payments_.insert(work.fold.current.id);
    Note(work.fold.current.latest_charge, payments_);
  }
  for (const auto& work : objects.invoice_payments) {
    objects_.insert(work.fold.current.id);
    Note(work.fold.current.payment_intent, payments_);
    Note(work.fold.current.charge, payments_);
  }
  for (const auto& work : objects.refunds) {
    objects_.insert(work.fold.current.id);
    Note(work.fold.current.payment_intent, payments_);
    Note(work.fold.current.charge, payments_);
  }
  for (const auto& work : objects.credit_notes) {
    objects_.insert(work.fold.current.id);
    Note(work.fold.current.invoice, invoices_);
  }
}

void InvoiceTotals::LockPayments(db::Transaction& tx) const {
  if (!own_payments_.empty()) tx.Exec(sql::kLockPayments, db::Params::Of(Listed(own_payments_)));
}

void InvoiceTotals::Look(db::Transaction& tx) {
  if (objects_.empty()) return;
  const auto rows =
      tx.Exec(sql::kFindTouchedInvoices, db::Params::Of(Listed(objects_), Listed(payments_), Listed(invoices_)));
  for (const db::Row row : rows) invoices_.insert(row.Text("stripe_invoice_id"));
}

void InvoiceTotals::LockRows(db::Transaction& tx) const {
  if (!invoices_.empty()) tx.Exec(sql::kLockInvoices, db::Params::Of(Listed(invoices_)));
}

void InvoiceTotals::Write(db::Transaction& tx) const {
  if (invoices_.empty()) return;
  db::ArrayColumns totals(5);
  for (const db::Row row : tx.Exec(sql::kReadInvoiceTotals, db::Params::Of(Listed(invoices_)))) {
    const int decimals = billing::MinorUnitDecimals(row.View("currency"));
    const int64_t refunded = row.Int("refunded_minor");
    const auto credited = row.OptInt("credited_minor");
    const auto credited_decimal = credited ? std::optional(billing::FormatMinor(*credited, decimals)) : std::nullopt;
    totals.AddRow(db::Params::Of(row.Text("stripe_invoice_id"), refunded, credited,
                                 billing::FormatMinor(refunded, decimals), credited_decimal));
  }
  if (!totals.empty()) tx.Exec(sql::kSetInvoiceTotals, totals.ToParams());
}

}  // namespace billsync::apply
