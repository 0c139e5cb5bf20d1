#include "batch.h"

#include <algorithm>
#include <set>

#include "apply/apply_sql.h"
#include "apply/customers_sql.h"
#include "billsync/apply/entitlements.h"
#include "billsync/stripe/checkout_session.h"
#include "customer_links.h"
#include "invoice_rows.h"
#include "outcomes.h"
#include "subscription_rows.h"

namespace billsync::apply {
namespace {

using billing::IgnoreReason;
using billing::ParkReason;
using stripe::EventUse;

// The events claimed for one object, and all that is stored of it.
struct Object {
  EventUse use = EventUse::kIgnored;
  std::vector<const ClaimedEvent*> claimed;
  std::vector<stripe::StoredEvent> events;
};

class Batch {
 public:
  Batch(db::Transaction& tx, const ApplyOptions& options, Instant now)
      : tx_(tx), options_(options), now_(now), outcomes_(now) {}

  const std::vector<ClaimedEvent>& Claim(const std::optional<std::string>& event_id) {
    if (event_id) {
      Take(tx_.Exec(sql::kClaimEvent, db::Params::Of(*event_id)));
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
    const auto users = WriteSubscriptions(tx_, WithUsers(subscriptions_), options_.plans, outcomes_);
    WriteInvoices(tx_, WithUsers(invoices_), outcomes_);
    result.plan_changes = ReviseEntitlements(tx_, users, options_.plans, options_.policy, now_);
    result.claimed = claimed_.size();
    result.by_status = outcomes_.Write(tx_, claimed_);
    result.newly_linked = links_.newly_linked();
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
        objects_[event.object_id].use = event.use;
        objects_[event.object_id].claimed.push_back(&event);
      }
    }
  }

  void LockKeys() {
    std::set<std::string> keys;
    for (const auto& [id, object] : objects_) {
      keys.insert(id);
      for (const auto* event : object.claimed) {
        if (!event->customer.empty()) keys.insert(event->customer);
      }
    }
    if (!keys.empty()) tx_.Exec(sql::kLockKeys, db::Params::Of(std::vector<std::string>(keys.begin(), keys.end())));
  }

  void ReadEvents() {
    std::vector<std::string> ids;
    for (const auto& [id, unused] : objects_) ids.push_back(id);
    if (ids.empty()) return;
    for (const db::Row row : tx_.Exec(sql::kReadObjectEvents, db::Params::Of(ids))) {
      objects_[row.Text("object_id")].events.push_back(
          {row.Text("id"), row.Text("type"), row.At("created"), row.Text("payload")});
    }
  }

  void FoldObjects() {
    for (auto& [id, object] : objects_) {
      switch (object.use) {
        case EventUse::kSubscription:
          if (auto fold = stripe::FoldSubscription(object.events)) {
            ParkUnreadable(object, fold->unreadable);
            subscriptions_.push_back({std::move(*fold), object.claimed, ""});
          } else {
            ParkUnreadable(object, fold.error());
          }
          break;
        case EventUse::kInvoice:
          if (auto fold = stripe::FoldInvoice(object.events)) {
            ParkUnreadable(object, fold->unreadable);
            invoices_.push_back({std::move(*fold), object.claimed, ""});
          } else {
            ParkUnreadable(object, fold.error());
          }
          break;
        case EventUse::kCustomer:
          if (auto fold = stripe::FoldCustomer(object.events)) {
            ParkUnreadable(object, fold->unreadable);
            customers_.push_back(std::move(*fold));
          } else {
            ParkUnreadable(object, fold.error());
          }
          break;
        case EventUse::kCheckoutSession:
          ReadSessions(object);
          break;
        case EventUse::kPrice:
        case EventUse::kProduct:
        case EventUse::kSchedule:
        case EventUse::kCharge:
        case EventUse::kPaymentIntent:
        case EventUse::kInvoicePayment:
        case EventUse::kRefund:
        case EventUse::kCreditNote:
        case EventUse::kDiscount:
        case EventUse::kActiveEntitlements:
        case EventUse::kIgnored:
          break;
      }
    }
  }

  void ParkUnreadable(const Object& object, const std::vector<stripe::UnreadableEvent>& unreadable) {
    for (const auto& one : unreadable) {
      const bool ours = std::ranges::any_of(object.claimed, [&](const auto* event) { return event->id == one.id; });
      if (ours) outcomes_.Park(one.id, ParkReason::kUnreadableShape, one.what);
    }
  }

  // A session links its customer to the user it was made for; the claimed events alone tell, oldest first by id.
  void ReadSessions(const Object& object) {
    for (const auto& event : object.events) {
      const auto mine = std::ranges::find_if(object.claimed, [&](const auto* one) { return one->id == event.id; });
      if (mine == object.claimed.end()) continue;
      const auto document = stripe::JsonDocument::Parse(event.payload);
      if (!document) {
        outcomes_.Park(event.id, ParkReason::kUnreadableShape, "the payload is not JSON");
        continue;
      }
      auto session = stripe::DecodeCheckoutSession(document->Root().Find("data").Find("object"));
      if (!session) {
        outcomes_.Park(event.id, ParkReason::kUnreadableShape, session.error());
      } else if (!session->customer) {
        outcomes_.Ignore(event.id, IgnoreReason::kNoCustomer);
      } else {
        sessions_.push_back(std::move(*session));
      }
    }
  }

  void LinkCustomers() {
    std::set<std::string> customers;
    for (const auto& work : subscriptions_) NoteOwner(work.fold.current.customer, customers);
    for (const auto& work : invoices_) NoteOwner(work.fold.current.customer, customers);
    for (const auto& fold : customers_) customers.insert(fold.current.id);
    for (const auto& session : sessions_) customers.insert(*session.customer);
    if (customers.empty()) return;
    links_.Load(tx_, {customers.begin(), customers.end()});
    for (const auto& fold : customers_) links_.NoteCustomer(fold.current, fold.deleted);
    for (const auto& work : subscriptions_) {
      if (work.fold.current.customer) links_.NoteMetadata(*work.fold.current.customer, work.fold.current.metadata);
    }
    for (const auto& session : sessions_) {
      if (session.client_reference_id) links_.NoteReference(*session.customer, *session.client_reference_id);
    }
    links_.Resolve(tx_, options_.link_by_email);
    LockUsers();
    links_.Save(tx_);
  }

  // Every user this batch may change, in id order and before the first change, so that batches, sweeps and resets wait
  // for each other and never in a circle.
  void LockUsers() {
    std::set<std::string> users;
    for (const auto& work : subscriptions_) {
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
  template <typename Work>
  std::vector<Work> WithUsers(std::vector<Work>& work) {
    std::vector<Work> ready;
    for (Work& one : work) {
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
  std::map<std::string, Object> objects_;
  std::vector<SubscriptionWork> subscriptions_;
  std::vector<InvoiceWork> invoices_;
  std::vector<stripe::FoldedCustomer> customers_;
  std::vector<stripe::CheckoutSession> sessions_;
};

}  // namespace

BatchResult ApplyBatch(db::Session& session, const ApplyOptions& options, Instant now,
                       const std::optional<std::string>& event_id, std::vector<std::string>* claimed_ids) {
  db::Transaction tx(session);
  Batch batch(tx, options, now);
  for (const ClaimedEvent& event : batch.Claim(event_id)) {
    if (claimed_ids != nullptr) claimed_ids->push_back(event.id);
  }
  BatchResult result = batch.Apply();
  tx.Commit();
  return result;
}

void ParkFailed(db::Session& session, const std::string& event_id, const std::string& detail, Instant now) {
  db::Transaction tx(session);
  std::vector<ClaimedEvent> claimed;
  for (const db::Row row : tx.Exec(sql::kClaimEvent, db::Params::Of(event_id))) {
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

void ReleaseCustomers(db::Session& session, const std::vector<std::string>& customers) {
  db::Transaction tx(session);
  tx.Exec(sql::kReleaseCustomers, db::Params::Of(customers));
  tx.Commit();
}

}  // namespace billsync::apply
