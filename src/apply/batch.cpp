#include "batch.h"

#include <algorithm>
#include <set>

#include "apply/apply_sql.h"
#include "apply/customers_sql.h"
#include "billsync/apply/entitlements.h"
#include "customer_links.h"
#include "folded_objects.h"
#include "invoice_rows.h"
#include "subscription_rows.h"

namespace billsync::apply {
namespace {

using billing::IgnoreReason;
using billing::ParkReason;
using stripe::EventUse;

// How long a batch waits for a row that somebody has locked, such as a user in a long transaction of the platform:
// meanwhile nobody else's events are applied. Other appliers' batches end sooner.
constexpr std::chrono::seconds kLockPatience{2};

class Batch {
 public:
  Batch(db::Transaction& tx, const ApplyOptions& options, Instant now)
      : tx_(tx), options_(options), now_(now), outcomes_(now) {}

  const std::vector<ClaimedEvent>& Claim(const Selection& selection) {
    if (!selection.ids.empty()) {
      Take(tx_.Exec(sql::kClaimEvents, db::Params::Of(selection.ids)));
      return claimed_;
    }
    if (selection.failed_before) {
      Take(tx_.Exec(sql::kClaimFailed));
      return claimed_;
    }
    // Fresh ones first; a quarter of the batch is kept for parked ones, so that neither waits for the other.
    Take(tx_.Exec(sql::kClaimReceived, db::Params::Of(options_.batch)));
    const auto room = options_.batch - static_cast<int64_t>(claimed_.size());
    Take(tx_.Exec(sql::kClaimParked, db::Params::Of(std::max(room, options_.batch / 4))));
    return claimed_;
  }

  BatchResult Apply() {
    GroupByObject();
    LockKeys();
    ReadEvents();
    FoldObjects();
    LinkCustomers();
    BatchResult result;
    const auto users = WriteSubscriptions(tx_, WithUsers(folded_.subscriptions), options_.plans, outcomes_);
    WriteInvoices(tx_, WithUsers(folded_.invoices), outcomes_);
    result.plan_changes = ReviseEntitlements(tx_, users, options_.plans, options_.policy, now_);
    result.claimed = claimed_.size();
    result.by_status = outcomes_.Write(tx_, claimed_);
    ReleaseLinked();
    return result;
  }

 private:
  void Take(const db::Result& rows) {
    for (const db::Row row : rows) {
      claimed_.push_back({row.Text("id"), row.Text("type"), row.OptText("object_id").value_or(""),
                          row.OptText("customer").value_or(""),
                          stripe::UseOf(row.View("type"), row.View("object_type")), row.Int("attempts"),
                          row.At("received_at")});
    }
  }

  void GroupByObject() {
    for (const ClaimedEvent& event : claimed_) {
      // Received by an older release, or retried by hand: the list of types decides now.
      if (event.use == EventUse::kIgnored) {
        outcomes_.Ignore(event.id, IgnoreReason::kTypeNotUsed);
      } else if (event.object_id.empty()) {
        outcomes_.Ignore(event.id, IgnoreReason::kNoObjectId);
      } else {
        objects_[{event.use, event.object_id}].claimed.push_back(&event);
      }
    }
  }

  void LockKeys() {
    std::set<std::string> keys;
    for (const auto& [key, object] : objects_) {
      keys.insert(key.id);
      for (const auto* event : object.claimed) {
        if (!event->customer.empty()) keys.insert(event->customer);
      }
    }
    if (!keys.empty()) tx_.Exec(sql::kLockKeys, db::Params::Of(std::vector<std::string>(keys.begin(), keys.end())));
  }

  void ReadEvents() {
    std::set<std::string> ids;
    for (const auto& [key, unused] : objects_) ids.insert(key.id);
    if (ids.empty()) return;
    const auto rows =
        tx_.Exec(sql::kReadObjectEvents, db::Params::Of(std::vector<std::string>(ids.begin(), ids.end())));
    for (const db::Row row : rows) {
      const auto use = stripe::UseOf(row.View("type"), row.View("object_type"));
      const auto object = objects_.find({use, row.Text("object_id")});
      if (object == objects_.end()) continue;
      object->second.events.push_back({row.Text("id"), row.Text("type"), row.At("created"), row.Text("payload")});
    }
  }

  void FoldObjects() {
    for (const auto& [key, object] : objects_) FoldObject(key, object, folded_, outcomes_);
  }

  void LinkCustomers() {
    std::set<std::string> customers;
    for (const auto& work : folded_.subscriptions) NoteOwner(work.fold.current.customer, customers);
    for (const auto& work : folded_.invoices) NoteOwner(work.fold.current.customer, customers);
    for (const auto& work : folded_.customers) customers.insert(work.fold.current.id);
    for (const auto& reference : folded_.references) customers.insert(reference.customer);
    if (customers.empty()) return;
    links_.Load(tx_, {customers.begin(), customers.end()});
    for (const auto& work : folded_.customers) links_.NoteCustomer(work.fold.current, work.fold.deleted);
    for (const auto& work : folded_.subscriptions) {
      if (work.fold.current.customer) links_.NoteMetadata(*work.fold.current.customer, work.fold.current.metadata);
    }
    for (const auto& reference : folded_.references) {
      if (reference.client_reference_id) links_.NoteReference(reference.customer, *reference.client_reference_id);
    }
    links_.Resolve(tx_, options_.link_by_email);
    LockUsers();
    links_.Save(tx_);
  }

  // What waited for the customers linked here is due. In the transaction that links them: an applier that works on one
  // of their events at this moment waits for the customer's lock, and sees the link when it has it.
  void ReleaseLinked() {
    if (!links_.newly_linked().empty()) tx_.Exec(sql::kReleaseCustomers, db::Params::Of(links_.newly_linked()));
  }

  // Every user this batch may change, in id order and before the first change, so that batches, sweeps and resets wait
  // for each other and never in a circle.
  void LockUsers() {
    std::set<std::string> users;
    for (const auto& work : folded_.subscriptions) {
      if (const auto user = links_.UserOf(work.fold.current.customer.value_or(""))) users.insert(*user);
    }
    for (const auto& customer : links_.newly_linked()) users.insert(*links_.UserOf(customer));
    if (users.empty()) return;
    tx_.Exec(sql::kLockUsersInOrder, db::Params::Of(std::vector<std::string>(users.begin(), users.end())));
  }

  static void NoteOwner(const std::optional<std::string>& customer, std::set<std::string>& customers) {
    if (customer) customers.insert(*customer);
  }

  // The work whose customer belongs to a user; the events of the rest are parked.
  template <typename Fold>
  std::vector<Work<Fold>> WithUsers(std::vector<Work<Fold>>& work) {
    std::vector<Work<Fold>> ready;
    for (Work<Fold>& one : work) {
      const auto& customer = one.fold.current.customer;
      const auto user = customer ? links_.UserOf(*customer) : std::nullopt;
      if (user) {
        one.user_id = *user;
        ready.push_back(std::move(one));
        continue;
      }
      for (const auto* event : one.claimed) {
        outcomes_.Park(event->id, ParkReason::kUnknownCustomer,
                       customer ? "no user is linked to the customer " + *customer : "the object names no customer");
      }
    }
    return ready;
  }

  db::Transaction& tx_;
  const ApplyOptions& options_;
  const Instant now_;
  Outcomes outcomes_;
  CustomerLinks links_;
  std::vector<ClaimedEvent> claimed_;
  std::map<ObjectKey, Object> objects_;
  FoldedObjects folded_;
};

}  // namespace

BatchResult ApplyBatch(db::Session& session, const ApplyOptions& options, Instant now, const Selection& selection,
                       std::vector<std::string>* claimed_ids) {
  db::Transaction tx(session, {.lock_timeout = kLockPatience});
  Batch batch(tx, options, now);
  for (const ClaimedEvent& event : batch.Claim(selection)) {
    if (claimed_ids != nullptr) claimed_ids->push_back(event.id);
  }
  BatchResult result = batch.Apply();
  tx.Commit();
  return result;
}

void ParkFailed(db::Session& session, const std::string& event_id, const std::string& detail, Instant now) {
  db::Transaction tx(session);
  std::vector<ClaimedEvent> claimed;
  for (const db::Row row : tx.Exec(sql::kClaimEvents, db::Params::Of(std::vector{event_id}))) {
    claimed.push_back({.id = row.Text("id"),
                       .type = row.Text("type"),
                       .object_id = {},
                       .customer = {},
                       .attempts = row.Int("attempts"),
                       .received_at = row.At("received_at")});
  }
  Outcomes outcomes(now);
  outcomes.Park(event_id, ParkReason::kApplyFailed, detail);
  outcomes.Write(tx, claimed);
  tx.Commit();
}

}  // namespace billsync::apply
