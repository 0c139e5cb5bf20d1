#include "batch.h"

#include <algorithm>
#include <set>

#include "apply/apply_sql.h"
#include "apply/customers_sql.h"
#include "billsync/apply/entitlements.h"
#include "catalog_rows.h"
#include "credit_note_rows.h"
#include "customer_links.h"
#include "discount_rows.h"
#include "feature_rows.h"
#include "folded_objects.h"
#include "invoice_rows.h"
#include "invoice_totals.h"
#include "object_events.h"
#include "payment_rows.h"
#include "refund_rows.h"
#include "schedule_rows.h"
#include "subscription_rows.h"

namespace billsync::apply {
namespace {

using billing::IgnoreReason;
using billing::ParkReason;
using stripe::EventUse;

// Locks, in the order in which every batch takes them, so that nobody waits in a circle:
//
//   1. the claimed events (SKIP LOCKED, as whatever makes events due again: nobody ever waits for one)
//   2. the cross-object lock
//   3. its objects and their customers, by key
//   4. users, by id
//   5. the payments its invoices name, by key
//   6. invoices, by id
//
// Why the rows do not depend on who runs beside whom. A row is computed from the stored events of its object, and some
// from rows of other objects too: an invoice's refunded amount from charges, payments and refunds, a subscription's
// tier from the catalog. Take an invoice and a refund of it, in two batches at once: the one that writes the invoice
// adds up the refunds it sees, the one that writes the refund adds up again the invoices it sees, and if neither sees
// the other, the refund is lost for good: both events are applied. The same between a refund and the payment that
// names its invoice. So a batch with any event that other rows are derived from holds lock 2 alone, and one without
// shares it. A subscription's held tier is derived from invoices too, but of its own customer, whose key both batches
// lock (3). Two batches that overlap in time are then both without; they write no row that another object's row is
// derived from, but for an invoice that names its own payment, and that name they lock (5). All statements see what was
// committed before they began (READ COMMITTED), and each computation comes after its locks: it sees all that came
// before it in the order of the locks, and the batch that comes after it sees its rows. The rows are those of some
// order of whole batches, and no such order matters, because each computation is a function of what is stored.
class Batch {
 public:
  Batch(db::Transaction& tx, const ApplyOptions& options, Instant now)
      : tx_(tx), options_(options), now_(now), outcomes_(now) {}

  const std::vector<ClaimedEvent>& Claim(const Selection& selection) {
    if (!selection.ids.empty()) {
      Take(tx_.Exec(sql::kClaimEvents, db::Params::Of(selection.ids)));
      return claimed_;
    }
    tx_.Exec(sql::kReadInOrder, db::Params::Of("off"));
    if (selection.failed_before) {
      Take(tx_.Exec(sql::kClaimFailed));
    } else {
      ClaimDue(selection);
    }
    tx_.Exec(sql::kReadInOrder, db::Params::Of("on"));
    return claimed_;
  }

  // Sets `past_keys` as soon as it has the locks that only batches take.
  BatchResult Apply(bool& past_keys) {
    BatchResult result;
    result.events_read = Fold();
    result.ties = folded_.ties;
    past_keys = true;
    ResolveLinks();
    if (links_resolved_) {
      LockUsers();
      links_.Save(tx_);
    }
    // What subscriptions are made from comes first.
    WriteCatalog(tx_, folded_.prices, folded_.products);
    WriteSchedules(tx_, folded_.schedules);
    WriteMoney();
    const auto users = WriteSubscriptions(tx_, WithUsers(folded_.subscriptions), options_.plans, outcomes_);
    users_to_revise_.insert(users.begin(), users.end());
    WriteDiscounts(tx_, folded_.discounts);
    WriteFeatures(tx_, folded_.features);
    if (options_.plans.NamesFeatures()) ReviseByFeatures();
    result.plan_changes = ReviseEntitlements(tx_, {users_to_revise_.begin(), users_to_revise_.end()}, options_.plans,
                                             options_.policy, now_);
    result.claimed = claimed_.size();
    result.by_status = outcomes_.Write(tx_, claimed_);
    ReleaseLinked();
    return result;
  }

  std::vector<std::string> OfHeldUsers() {
    Fold();
    ResolveLinks();
    std::map<std::string, std::vector<std::string>> events_of;
    const auto note = [&](const std::vector<const ClaimedEvent*>& claimed, const std::optional<std::string>& customer) {
      const auto user = links_.UserOf(customer.value_or(""));
      if (!user) return;
      for (const auto* event : claimed) events_of[*user].push_back(event->id);
    };
    for (const auto& work : folded_.subscriptions) note(work.claimed, work.fold.current.customer);
    for (const auto& work : folded_.invoices) note(work.claimed, work.fold.current.customer);
    for (const auto& work : folded_.features) note(work.claimed, work.fold.current.customer);
    for (const auto& work : folded_.customers) note(work.claimed, work.fold.current.id);
    for (const auto& reference : folded_.references) {
      for (const auto& event : claimed_) {
        if (event.id == reference.event_id) note({&event}, reference.customer);
      }
    }
    std::vector<std::string> users;
    for (const auto& [user, unused] : events_of) users.push_back(user);
    for (const db::Row row : tx_.Exec(sql::kFreeUsers, db::Params::Of(users))) events_of.erase(row.Text("id"));
    std::vector<std::string> held;
    for (const auto& [unused, events] : events_of) held.insert(held.end(), events.begin(), events.end());
    return held;
  }

 private:
  // Fresh ones first; a quarter of the batch is kept for parked ones, so that neither waits for the other.
  void ClaimDue(const Selection& selection) {
    Take(tx_.Exec(sql::kClaimReceived, db::Params::Of(options_.batch, selection.due_by)));
    const auto room = options_.batch - static_cast<int64_t>(claimed_.size());
    Take(tx_.Exec(sql::kClaimParked, db::Params::Of(std::max(room, options_.batch / 4))));
  }

  // The objects as their events say they are, under the locks of all batches. Returns how many events were read.
  int64_t Fold() {
    GroupByObject();
    LockCrossObject();
    LockKeys();
    const int64_t read = ReadObjectEvents(tx_, objects_);
    FoldObjects();
    return read;
  }

  void Take(const db::Result& rows) {
    for (const db::Row row : rows) {
      claimed_.push_back({row.Text("id"), row.Text("type"), row.OptText("object_id").value_or(""),
                          row.OptText("customer").value_or(""),
                          stripe::UseOf(row.View("type"), row.View("object_type")), row.Int("attempts"),
                          row.OptAt("parked_since")});
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

  void LockCrossObject() {
    if (objects_.empty()) return;
    tx_.Exec(sql::kBoundLockWaits, db::Params::Of("10s"));
    const bool alone = std::ranges::any_of(objects_, [](const auto& entry) { return OthersDependOn(entry.first.use); });
    tx_.Exec(alone ? sql::kLockCrossObject : sql::kShareCrossObject);
    RequirePlanMap(tx_, options_.plan_fingerprint);
  }

  void LockKeys() {
    std::set<std::string> keys;
    for (const auto& [key, object] : objects_) {
      keys.insert(key.id);
      for (const auto* event : object.claimed) {
        if (!event->customer.empty()) keys.insert(event->customer);
      }
    }
    if (keys.empty()) return;
    tx_.Exec(sql::kLockKeys, db::Params::Of(std::vector<std::string>(keys.begin(), keys.end())));
    tx_.Exec(sql::kBoundLockWaits, db::Params::Of("500ms"));
  }

  void FoldObjects() {
    for (const auto& [key, object] : objects_) FoldObject(key, object, folded_, outcomes_);
  }

  // What is derived from several objects is computed when all of them are written.
  void WriteMoney() {
    const auto invoices = WithUsers(folded_.invoices);
    InvoiceTotals totals(folded_, invoices);
    if (!invoices.empty()) {  // only batches take these locks
      tx_.Exec(sql::kBoundLockWaits, db::Params::Of("10s"));
      totals.LockPayments(tx_);
      tx_.Exec(sql::kBoundLockWaits, db::Params::Of("500ms"));
    }
    totals.Look(tx_);
    WritePayments(tx_, folded_);
    WriteRefunds(tx_, folded_.refunds, outcomes_);
    WriteCreditNotes(tx_, folded_.credit_notes, outcomes_);
    totals.Look(tx_);
    totals.LockRows(tx_);
    WriteInvoices(tx_, invoices, outcomes_);
    totals.Write(tx_);
  }

  // Features entitle only somebody who is known: their events wait for the user, though their row is there.
  void ReviseByFeatures() {
    for (const auto& work : WithUsers(folded_.features)) users_to_revise_.insert(work.user_id);
    for (const auto& work : folded_.customers) {
      const auto user = links_.UserOf(work.fold.current.id);
      if (work.fold.deleted && user) users_to_revise_.insert(*user);
    }
  }

  // Which user each customer belongs to, without writing it.
  void ResolveLinks() {
    std::set<std::string> customers;
    for (const auto& work : folded_.subscriptions) NoteOwner(work.fold.current.customer, customers);
    for (const auto& work : folded_.invoices) NoteOwner(work.fold.current.customer, customers);
    for (const auto& work : folded_.customers) customers.insert(work.fold.current.id);
    for (const auto& work : folded_.features) customers.insert(work.fold.current.customer);
    for (const auto& reference : folded_.references) customers.insert(reference.customer);
    if (customers.empty()) return;
    links_.Load(tx_, {customers.begin(), customers.end()});
    for (const auto& work : folded_.customers) links_.NoteCustomer(work.fold);
    for (const auto& work : folded_.subscriptions) links_.NoteSubscription(work.fold);
    for (const auto& reference : folded_.references) links_.NoteReference(reference);
    links_.Resolve(tx_, options_.link_by_email);
    links_resolved_ = true;
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
    for (const auto& work : folded_.features) {
      if (const auto user = links_.UserOf(work.fold.current.customer)) users.insert(*user);
    }
    for (const auto& work : folded_.customers) {
      if (const auto user = links_.UserOf(work.fold.current.id); user && work.fold.deleted) users.insert(*user);
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
      const std::optional<std::string> customer = one.fold.current.customer;
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
  bool links_resolved_ = false;  // there are customers in this batch
  std::vector<ClaimedEvent> claimed_;
  std::map<ObjectKey, Object> objects_;
  FoldedObjects folded_;
  std::set<std::string> users_to_revise_;
};

}  // namespace

BatchResult ApplyBatch(db::Session& session, const ApplyOptions& options, Instant now, const Selection& selection,
                       Claim* claim) {
  Claim unwanted;
  Claim& held = claim == nullptr ? unwanted : *claim;
  db::Transaction tx(session, {.by_key = true});
  Batch batch(tx, options, now);
  for (const ClaimedEvent& event : batch.Claim(selection)) held.ids.push_back(event.id);
  BatchResult result = batch.Apply(held.past_keys);
  tx.Commit();
  return result;
}

std::vector<std::string> EventsOfHeldUsers(db::Session& session, const ApplyOptions& options, Instant now,
                                           const std::vector<std::string>& event_ids) {
  db::Transaction tx(session);  // never committed
  Batch batch(tx, options, now);
  batch.Claim({.ids = event_ids});
  return batch.OfHeldUsers();
}

void ParkFailed(db::Session& session, const std::vector<std::string>& event_ids, const std::string& detail,
                Instant now) {
  db::Transaction tx(session);
  std::vector<ClaimedEvent> claimed;
  Outcomes outcomes(now);
  for (const db::Row row : tx.Exec(sql::kClaimEvents, db::Params::Of(event_ids))) {
    claimed.push_back({.id = row.Text("id"),
                       .type = row.Text("type"),
                       .object_id = {},
                       .customer = {},
                       .attempts = row.Int("attempts"),
                       .parked_since = row.OptAt("parked_since")});
    outcomes.Park(claimed.back().id, ParkReason::kApplyFailed, detail);
  }
  outcomes.Write(tx, claimed);
  tx.Commit();
}

void ReleaseMissed(db::Session& session) {
  db::Transaction tx(session);
  tx.Exec(sql::kReleaseMissed);
  tx.Commit();
}

}  // namespace billsync::apply
