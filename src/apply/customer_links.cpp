#include "customer_links.h"

#include <algorithm>

#include "apply/customers_sql.h"
#include "billsync/base/parse.h"

namespace billsync::apply {
namespace {

constexpr std::string_view kMetadata = "metadata";
constexpr std::string_view kReference = "checkout_reference";

// ASCII only, as PostgreSQL's lower() does under the C locale; other letters then simply do not match.
std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// Oldest first.
template <typename Names>
std::vector<std::string> InOrder(const Names& names) {
  std::vector<std::string> texts;
  for (const auto& [text, unused] : names) texts.push_back(text);
  std::ranges::sort(texts, {}, [&](const std::string& text) { return names.at(text); });
  return texts;
}

}  // namespace

// What the users table says to the undecided customers.
struct CustomerLinks::Candidates {
  std::set<std::string> known_users;
  std::map<std::string, std::string> by_customer;
  std::map<std::string, std::vector<std::string>> by_email;

  std::optional<std::string> OldestUser(const Names& names) const {
    for (const auto& text : InOrder(names)) {
      if (known_users.contains(text)) return text;
    }
    return std::nullopt;
  }
};

void CustomerLinks::Load(db::Transaction& tx, const std::vector<std::string>& customers) {
  for (const std::string& customer : customers) rows_.try_emplace(customer);
  std::set<std::string> unlinked(customers.begin(), customers.end());
  for (const db::Row row : tx.Exec(sql::kReadCustomers, db::Params::Of(customers))) {
    Row& known = rows_[row.Text("stripe_customer_id")];
    known.user_id = row.OptText("user_id");
    known.linked_by = row.OptText("linked_by");
    known.email = row.OptText("email");
    known.deleted = row.Bool("deleted");
    known.was_linked = known.user_id.has_value();
    if (known.was_linked) unlinked.erase(row.Text("stripe_customer_id"));
  }
  if (unlinked.empty()) return;
  const std::vector<std::string> ids(unlinked.begin(), unlinked.end());
  for (const db::Row row : tx.Exec(sql::kReadEvidence, db::Params::Of(ids))) {
    Row& known = rows_[row.Text("stripe_customer_id")];
    Names& names = row.View("source") == kMetadata ? known.metadata : known.references;
    names.emplace(row.Text("named_user"), Origin{row.At("event_created"), row.Text("event_id")});
  }
}

// A user's id in the database's spelling, anything else as it is.
void CustomerLinks::Note(const std::string& named, const Origin& origin, Names& names) {
  if (named.empty()) return;
  const auto [at, fresh] = names.emplace(IsUuid(named) ? Lower(named) : named, origin);
  if (!fresh) at->second = std::min(at->second, origin);
}

void CustomerLinks::NoteMetadata(const std::string& customer, const std::map<std::string, std::string>& metadata,
                                 const Origin& origin) {
  const auto found = metadata.find("user_id");
  if (found != metadata.end()) Note(found->second, origin, rows_[customer].metadata);
}

void CustomerLinks::NoteSubscription(const stripe::FoldedSubscription& fold) {
  if (!fold.current.customer) return;
  for (const auto& one : fold.order) {
    NoteMetadata(*fold.current.customer, one.snapshot.metadata, {one.created, one.event_id});
  }
}

void CustomerLinks::NoteReference(const CheckoutReference& reference) {
  if (!reference.client_reference_id) return;
  Note(*reference.client_reference_id, {reference.created, reference.event_id}, rows_[reference.customer].references);
}

void CustomerLinks::NoteCustomer(const stripe::FoldedCustomer& fold) {
  Row& row = rows_[fold.current.id];
  row.email = fold.current.email;
  row.deleted = fold.deleted;
  for (const auto& one : fold.order) {
    NoteMetadata(fold.current.id, one.snapshot.metadata, {one.created, one.event_id});
  }
}

void CustomerLinks::Resolve(db::Transaction& tx, bool by_email) {
  std::vector<std::string> ids, customers, emails;
  for (const auto& [customer, row] : rows_) {
    if (row.user_id) continue;
    customers.push_back(customer);
    for (const auto* names : {&row.metadata, &row.references}) {
      for (const auto& [text, unused] : *names) {
        if (IsUuid(text)) ids.push_back(text);
      }
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
  const auto set = [&](std::string user, std::string_view by) {
    row.user_id = std::move(user);
    row.linked_by = by;
    newly_linked_.push_back(customer);
  };
  if (auto user = candidates.OldestUser(row.metadata)) return set(*user, kMetadata);
  if (auto user = candidates.OldestUser(row.references)) return set(*user, kReference);
  if (const auto found = candidates.by_customer.find(customer); found != candidates.by_customer.end()) {
    return set(found->second, "users_row");
  }
  if (!row.email) return;
  const auto found = candidates.by_email.find(Lower(*row.email));
  if (found != candidates.by_email.end() && found->second.size() == 1) set(found->second.front(), "email");
}

void CustomerLinks::Save(db::Transaction& tx) const {
  db::ArrayColumns columns(5);
  db::ArrayColumns evidence(5);
  db::ArrayColumns users(2);
  for (const auto& [customer, row] : rows_) {
    columns.AddRow(db::Params::Of(customer, row.user_id, row.linked_by, row.email, row.deleted));
    if (row.was_linked) continue;
    for (const auto& [text, origin] : row.metadata) {
      evidence.AddRow(db::Params::Of(customer, kMetadata, text, origin.created, origin.event_id));
    }
    for (const auto& [text, origin] : row.references) {
      evidence.AddRow(db::Params::Of(customer, kReference, text, origin.created, origin.event_id));
    }
  }
  // One customer a user: UPDATE … FROM would take either of two.
  std::set<std::string> given;
  for (const std::string& customer : newly_linked_) {
    const auto& user = rows_.at(customer).user_id;
    if (user && given.insert(*user).second) users.AddRow(db::Params::Of(*user, customer));
  }
  if (!columns.empty()) tx.Exec(sql::kUpsertCustomers, columns.ToParams());
  if (!evidence.empty()) tx.Exec(sql::kUpsertEvidence, evidence.ToParams());
  if (!users.empty()) tx.Exec(sql::kSetUsersCustomer, users.ToParams());
}

std::optional<std::string> CustomerLinks::UserOf(const std::string& customer) const {
  const auto found = rows_.find(customer);
  return found == rows_.end() ? std::nullopt : found->second.user_id;
}

}  // namespace billsync::apply
