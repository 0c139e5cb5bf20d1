// What time alone changes, and what people change beside Stripe: the entitlement-sweep job.
#include <algorithm>

#include "apply/entitlement_sweep_sql.h"
#include "billsync/apply/entitlements.h"

namespace billsync::apply {
namespace {

// Users of one transaction: their rows stay locked until it ends.
constexpr int64_t kPiece = 500;

class Sweep {
 public:
  Sweep(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy, Instant now)
      : session_(session), plans_(plans), policy_(policy), now_(now) {}

  int64_t Run() {
    while (OverrideChanges()) {
    }
    while (LapsedOverrides()) {
    }
    TimeUp();
    return changed_;
  }

 private:
  // Overrides that were given, changed or taken away. False when none are left.
  bool OverrideChanges() {
    db::Transaction tx(session_);
    std::vector<std::string> users, ids;
    for (const db::Row row : tx.Exec(sql::kClaimOverrideChanges, db::Params::Of(kPiece))) {
      users.push_back(row.Text("user_id"));
      ids.push_back(row.Text("id"));
    }
    if (ids.empty()) return false;
    Revise(tx, std::move(users));
    tx.Exec(sql::kDeleteOverrideChanges, db::Params::Of(ids));
    tx.Commit();
    return true;
  }

  // Overrides whose time is over.
  bool LapsedOverrides() {
    db::Transaction tx(session_);
    std::vector<std::string> users;
    for (const db::Row row : tx.Exec(sql::kClaimLapsedOverrides, db::Params::Of(now_, kPiece))) {
      users.push_back(row.Text("user_id"));
    }
    if (users.empty()) return false;
    tx.Exec(sql::kMarkLapsedOverrides, db::Params::Of(users, now_));
    Revise(tx, std::move(users));
    tx.Commit();
    return true;
  }

  // Subscriptions whose grace, silence or held tier has ended.
  void TimeUp() {
    std::vector<std::string> users, subscriptions;  // side by side
    {
      db::Transaction tx(session_, {.read_only = true});
      for (const db::Row row :
           tx.Exec(sql::kWhoseTimeIsUp, db::Params::Of(now_, static_cast<int64_t>(policy_.grace.count()),
                                                       static_cast<int64_t>(policy_.silence.count())))) {
        users.push_back(row.Text("user_id"));
        subscriptions.push_back(row.Text("stripe_subscription_id"));
      }
      tx.Commit();
    }
    for (std::ptrdiff_t from = 0, end = std::ssize(users); from < end;) {
      const auto to = std::min<std::ptrdiff_t>(from + kPiece, end);
      db::Transaction tx(session_);
      Revise(tx, {users.begin() + from, users.begin() + to});
      tx.Exec(sql::kMarkLapsesSeen,
              db::Params::Of(std::vector(subscriptions.begin() + from, subscriptions.begin() + to), now_));
      tx.Commit();
      from = to;
    }
  }

  void Revise(db::Transaction& tx, std::vector<std::string> users) {
    std::ranges::sort(users);
    users.erase(std::unique(users.begin(), users.end()), users.end());
    changed_ += ReviseEntitlements(tx, users, plans_, policy_, now_);
  }

  db::Session& session_;
  const billing::PlanMap& plans_;
  const billing::EntitlementPolicy& policy_;
  const Instant now_;
  int64_t changed_ = 0;
};

}  // namespace

int64_t SweepEntitlements(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy,
                          Instant now) {
  return Sweep(session, plans, policy, now).Run();
}

}  // namespace billsync::apply
