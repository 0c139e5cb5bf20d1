// Which user a Stripe customer belongs to.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "billsync/base/instant.h"
#include "billsync/db/session.h"
#include "billsync/stripe/merge.h"
#include "checkout_reference.h"

namespace billsync::apply {

// The billing_customers rows of one batch: loaded, given new evidence, resolved, saved. The first that holds links:
// an existing link; metadata.user_id; a Checkout Session's client_reference_id; a users row with that customer id; by
// e-mail only if asked to, and only a verified address that one user has. Of several that are equal, the one of the
// oldest event (created, then id) that names an existing user: as if the events had come in order.
class CustomerLinks {
 public:
  void Load(db::Transaction& tx, const std::vector<std::string>& customers);

  // Evidence, all that any snapshot of the object ever held: what is no longer said was true once.
  void NoteSubscription(const stripe::FoldedSubscription& fold);
  void NoteReference(const CheckoutReference& reference);
  void NoteCustomer(const stripe::FoldedCustomer& fold);

  // Decides what is undecided.
  void Resolve(db::Transaction& tx, bool by_email);
  // Writes the rows and gives users without a customer id theirs.
  void Save(db::Transaction& tx) const;

  std::optional<std::string> UserOf(const std::string& customer) const;
  // Customers linked by Resolve.
  const std::vector<std::string>& newly_linked() const { return newly_linked_; }

 private:
  // The oldest event that named a user, in the order of deciding.
  struct Origin {
    Instant created;
    std::string event_id;

    auto operator<=>(const Origin&) const = default;
  };
  using Names = std::map<std::string, Origin>;  // what was named, a user's id if all is well
  struct Row {
    std::optional<std::string> user_id, linked_by, email;
    bool deleted = false, was_linked = false;
    Names metadata, references;
  };
  struct Candidates;
  static void Note(const std::string& named, const Origin& origin, Names& names);
  void NoteMetadata(const std::string& customer, const std::map<std::string, std::string>& metadata,
                    const Origin& origin);
  void Link(const std::string& customer, Row& row, const Candidates& candidates);

  std::map<std::string, Row> rows_;
  std::vector<std::string> newly_linked_;
};

}  // namespace billsync::apply
