#include "invoice_totals.h"

#include <algorithm>
#include <iterator>

#include "apply/invoice_totals_sql.h"
#include "billsync/billing/money.h"
#include "payment_graph.h"

namespace billsync::apply {
namespace {

std::vector<std::string> Listed(const std::set<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

void Note(const std::optional<std::string>& name, std::set<std::string>& into) {
  if (name) into.insert(*name);
}

PaymentFact FactOf(const db::Row& row) {
  PaymentFact fact{.said_by = row.Text("said_by"),
                   .kind = PaymentFact::Kind::kOther,
                   .payment_intent = row.OptText("stripe_payment_intent_id"),
                   .charge = row.OptText("stripe_charge_id"),
                   .invoice = row.OptText("stripe_invoice_id"),
                   .currency = row.OptText("currency"),
                   .amount_minor = row.Int("refunded_minor"),
                   .failed = false,
                   .as_of = row.OptAt("as_of").value_or(Instant::min())};
  const auto kind = row.View("kind");
  const auto status = row.View("status");
  if (kind == "charge") fact.kind = PaymentFact::Kind::kCharge;
  if (kind == "refund") fact.kind = PaymentFact::Kind::kRefund;
  fact.failed = status == "failed" || status == "canceled";
  // An invoice payment that was canceled is no payment of the invoice.
  if (kind == "invoice_payment" && status == "canceled") fact.invoice = std::nullopt;
  return fact;
}

// All that is known of the payments, of what the objects name and of what the invoices name; from name to name until
// nothing new is found, which the second look usually shows.
std::vector<PaymentFact> ReadFacts(db::Transaction& tx, const std::set<std::string>& payments,
                                   const std::set<std::string>& objects, const std::set<std::string>& invoices) {
  std::vector<PaymentFact> facts;
  std::set<std::string> asked;
  std::vector<std::string> said_by = Listed(objects), of_invoices = Listed(invoices), names = Listed(payments);
  while (!names.empty() || !said_by.empty() || !of_invoices.empty()) {
    asked.insert(names.begin(), names.end());
    const auto rows = tx.Exec(sql::kReadPaymentFacts, db::Params::Of(names, said_by, of_invoices));
    std::set<std::string> found;
    for (const db::Row row : rows) {
      facts.push_back(FactOf(row));
      Note(facts.back().payment_intent, found);
      Note(facts.back().charge, found);
    }
    names.clear();
    std::ranges::set_difference(found, asked, std::back_inserter(names));
    said_by.clear();
    of_invoices.clear();
  }
  return facts;
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
  for (const auto& fact : ReadFacts(tx, payments_, objects_, {})) Note(fact.invoice, invoices_);
  for (const db::Row row : tx.Exec(sql::kFindCreditedInvoices, db::Params::Of(Listed(objects_)))) {
    invoices_.insert(row.Text("stripe_invoice_id"));
  }
}

void InvoiceTotals::LockRows(db::Transaction& tx) const {
  if (!invoices_.empty()) tx.Exec(sql::kLockInvoices, db::Params::Of(Listed(invoices_)));
}

void InvoiceTotals::Write(db::Transaction& tx) const {
  if (invoices_.empty()) return;
  std::map<std::string, std::string> currencies;
  const auto credits = tx.Exec(sql::kReadInvoiceCredits, db::Params::Of(Listed(invoices_)));
  for (const db::Row row : credits) currencies.emplace(row.Text("stripe_invoice_id"), row.Text("currency"));
  if (currencies.empty()) return;
  const auto refunded = RefundedByInvoice(ReadFacts(tx, {}, {}, invoices_), currencies);
  db::ArrayColumns totals(5);
  for (const db::Row row : credits) {
    const std::string invoice = row.Text("stripe_invoice_id");
    const int decimals = billing::MinorUnitDecimals(row.View("currency"));
    const auto credited = row.OptInt("credited_minor");
    totals.AddRow(db::Params::Of(invoice, refunded.at(invoice), credited,
                                 billing::FormatMinor(refunded.at(invoice), decimals),
                                 credited ? std::optional(billing::FormatMinor(*credited, decimals)) : std::nullopt));
  }
  tx.Exec(sql::kSetInvoiceTotals, totals.ToParams());
}

}  // namespace billsync::apply
