// Which user a Stripe customer belongs to.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "billsync/stripe/customer.h"

namespace billsync::apply {

// The billing_customers rows of one batch: loaded, given new evidence, resolved, saved. The first that holds links:
// an existing link; metadata.user_id; a Checkout Session's client_reference_id; a users row with that customer id; by
// e-mail only if asked to, and only a verified address that one user has.
class CustomerLinks {
 public:
  void Load(db::Transaction& tx, const std::vector<std::string>& customers);

  // Evidence. While a customer is not linked, newer evidence replaces older: only what names a user can link.
  void NoteMetadata(const std::string& customer, const std::map<std::string, std::string>& metadata);
  void NoteReference(const std::string& customer, const std::string& client_reference_id);
  void NoteCustomer(const stripe::Customer& customer, bool deleted);

  // Decides what is undecided.
  void Resolve(db::Transaction& tx, bool by_email);
  // Writes the rows and gives users without a customer id theirs.
  void Save(db::Transaction& tx) const;

  std::optional<std::string> UserOf(const std::string& customer) const;
  // Customers linked by Resolve.
  const std::vector<std::string>& newly_linked() const { return newly_linked_; }

 private:
  struct Row {
    std::optional<std::string> user_id, linked_by, metadata_user_id, reference_user_id, email;
    bool deleted = false;
    std::vector<std::string> metadata_seen, reference_seen;  // in this batch, beside what is stored

    // What is stored and what was seen, by kind and all together.
    std::vector<std::string> Metadata() const { return With(metadata_user_id, metadata_seen); }
    std::vector<std::string> References() const { return With(reference_user_id, reference_seen); }
    std::vector<std::string> Evidence() const {
      auto all = Metadata();
      for (auto& text : References()) all.push_back(text);
      return all;
    }
    static std::vector<std::string> With(const std::optional<std::string>& stored, std::vector<std::string> seen) {
      if (stored) seen.push_back(*stored);
      return seen;
    }
  };
  struct Candidates;
  void Link(const std::string& customer, Row& row, const Candidates& candidates);

  std::map<std::string, Row> rows_;
  std::vector<std::string> newly_linked_;
};

}  // namespace billsync::apply
