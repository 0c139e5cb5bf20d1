#include "customer_links.h"

#include <algorithm>

#include "apply/customers_sql.h"
#include "billsync/base/parse.h"

namespace billsync::apply {
namespace {

// ASCII only, as PostgreSQL's lower() does under the C locale; other letters then simply do not match.
std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

// What the users table says to the undecided customers.
struct CustomerLinks::Candidates {
  std::set<std::string> known_users;
  std::map<std::string, std::string> by_customer;
  std::map<std::string, std::vector<std::string>> by_email;

  // The first of the texts that names a user, in the database's spelling (lower case).
  std::optional<std::string> FirstUser(const std::vector<std::string>& texts) const {
    for (const auto& text : texts) {
      if (known_users.contains(Lower(text))) return Lower(text);
    }
    return std::nullopt;
  }
};

void CustomerLinks::Load(db::Transaction& tx, const std::vector<std::string>& customers) {
  for (const std::string& customer : customers) rows_.try_emplace(customer);
  for (const db::Row row : tx.Exec(sql::kReadCustomers, db::Params::Of(customers))) {
    Row& known = rows_[row.Text("stripe_customer_id")];
    known.user_id = row.OptText("user_id");
    known.linked_by = row.OptText("linked_by");
    known.metadata_user_id = row.OptText("metadata_user_id");
    known.reference_user_id = row.OptText("reference_user_id");
    known.email = row.OptText("email");
    known.deleted = row.Bool("deleted");
  }
}

void CustomerLinks::NoteMetadata(const std::string& customer, const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find("user_id");
  if (found == metadata.end() || found->second.empty()) return;
  Row& row = rows_[customer];
  row.metadata_seen.push_back(found->second);
  if (!row.user_id) row.metadata_user_id = found->second;
}

void CustomerLinks::NoteReference(const std::string& customer, const std::string& client_reference_id) {
  Row& row = rows_[customer];
  row.reference_seen.push_back(client_reference_id);
  if (!row.user_id) row.reference_user_id = client_reference_id;
}

void CustomerLinks::NoteCustomer(const stripe::Customer& customer, bool deleted) {
  Row& row = rows_[customer.id];
  row.email = customer.email;
  row.deleted = deleted;
  NoteMetadata(customer.id, customer.metadata);
}

void CustomerLinks::Resolve(db::Transaction& tx, bool by_email) {
  std::vector<std::string> ids, customers, emails;
  for (const auto& [customer, row] : rows_) {
    if (row.user_id) continue;
    customers.push_back(customer);
    for (const auto& text : row.Evidence()) {
      if (IsUuid(text)) ids.push_back(text);
    }
    if (by_email && row.email) emails.push_back(Lower(*row.email));
  }
  if (customers.empty()) return;
  Candidates candidates;
  for (const db::Row row : tx.Exec(sql::kFindUsersById, db::Params::Of(ids))) {
    candidates.known_users.insert(row.Text("id"));
  }
  for (const db::Row row : tx.Exec(sql::kFindUsersByCustomer, db::Params::Of(customers))) {
    candidates.by_customer.emplace(row.Text("stripe_customer_id"), row.Text("id"));
  }
  if (!emails.empty()) {
    for (const db::Row row : tx.Exec(sql::kFindUsersByEmail, db::Params::Of(emails))) {
      candidates.by_email[row.Text("email")].push_back(row.Text("id"));
    }
  }
  for (const std::string& customer : customers) Link(customer, rows_[customer], candidates);
}

void CustomerLinks::Link(const std::string& customer, Row& row, const Candidates& candidates) {
  const auto set = [&](std::string user, const char* by) {
    row.user_id = std::move(user);
    row.linked_by = by;
    newly_linked_.push_back(customer);
  };
  if (auto user = candidates.FirstUser(row.Metadata())) return set(*user, "metadata");
  if (auto user = candidates.FirstUser(row.References())) return set(*user, "checkout_reference");
  if (const auto found = candidates.by_customer.find(customer); found != candidates.by_customer.end()) {
    return set(found->second, "users_row");
  }
  if (!row.email) return;
  const auto found = candidates.by_email.find(Lower(*row.email));
  if (found != candidates.by_email.end() && found->second.size() == 1) set(found->second.front(), "email");
}

void CustomerLinks::Save(db::Transaction& tx) const {
  db::ArrayColumns columns(7);
  db::ArrayColumns users(2);
  for (const auto& [customer, row] : rows_) {
    columns.AddRow(db::Params::Of(customer, row.user_id, row.linked_by, row.metadata_user_id, row.reference_user_id,
                                  row.email, row.deleted));
  }
  // One customer a user: UPDATE … FROM would take either of two.
  std::set<std::string> given;
  for (const std::string& customer : newly_linked_) {
    const auto& user = rows_.at(customer).user_id;
    if (user && given.insert(*user).second) users.AddRow(db::Params::Of(*user, customer));
  }
  if (!columns.empty()) tx.Exec(sql::kUpsertCustomers, columns.ToParams());
  if (!users.empty()) tx.Exec(sql::kSetUsersCustomer, users.ToParams());
}

std::optional<std::string> CustomerLinks::UserOf(const std::string& customer) const {
  const auto found = rows_.find(customer);
  return found == rows_.end() ? std::nullopt : found->second.user_id;
}

}  // namespace billsync::apply
