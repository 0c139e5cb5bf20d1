// What refunds and credit notes come to on invoices: amounts that depend on several objects.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "folded_objects.h"

namespace billsync::apply {

// The invoices one batch touches, from the first look to the computed amounts. Look before the objects' rows are
// written and again after: an object that no longer names a payment has an old invoice and a new one. An invoice's
// amounts are a pure function of the rows there are, whoever wrote which first; the locks that make it so in concurrent
// batches are explained in batch.cpp.
class InvoiceTotals {
 public:
  // Collects what the batch is about: its payments, refunds, credit notes, and of its invoices those to be written.
  InvoiceTotals(const FoldedObjects& objects, const std::vector<InvoiceWork>& invoices);

  // Locks the payments that the invoices name: see LockPayments.
  void LockPayments(db::Transaction& tx) const;
  // Adds the invoices that depend on the objects as they are stored now.
  void Look(db::Transaction& tx);
  // Locks the rows of all invoices found, in id order: before any of them is written.
  void LockRows(db::Transaction& tx) const;
  // Computes and writes the amounts; after the invoices were written.
  void Write(db::Transaction& tx) const;

 private:
  std::set<std::string> objects_;       // ids whose rows say something of payments or credit
  std::set<std::string> payments_;      // charges and payment intents they name
  std::set<std::string> own_payments_;  // those of them that invoices name
  std::set<std::string> invoices_;
};

}  // namespace billsync::apply
