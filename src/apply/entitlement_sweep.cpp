// What time alone changes, and what people change beside Stripe: the entitlement-sweep job.
#include <algorithm>
#include <exception>

#include "apply/apply_sql.h"
#include "apply/entitlement_sweep_sql.h"
#include "billsync/apply/adoption.h"
#include "billsync/apply/entitlements.h"

namespace billsync::apply {
namespace {

// Users of one transaction: their rows stay locked until it ends.
constexpr int64_t kPiece = 500;

class Sweep {
 public:
  Sweep(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy, Instant now,
        const std::string& plan_fingerprint)
      : session_(session), plans_(plans), policy_(policy), now_(now), plan_fingerprint_(plan_fingerprint) {}

  int64_t Run() {
    WorkOff([this](int64_t limit) { return OverrideChanges(limit); });
    WorkOff([this](int64_t limit) { return LapsedOverrides(limit); });
    FindWhoseTimeIsUp();
    WorkOff([this](int64_t limit) { return TimeUp(limit); });
    if (first_failure_) std::rethrow_exception(first_failure_);
    return changed_;
  }

 private:
  // Calls `piece` with the number of users it may take at most until it returns false. When it fails, one user at a
  // time, until the one who is the cause is found and set aside.
  template <typename Piece>
  void WorkOff(const Piece& piece) {
    for (int64_t limit = kPiece;;) {
      try {
        in_hand_.clear();
        if (!piece(limit)) return;
      } catch (const PlanMapSuperseded&) {
        throw;
      } catch (const db::Error&) {
        if (session_.Broken() || in_hand_.empty()) throw;
        if (!first_failure_) first_failure_ = std::current_exception();
        if (limit == 1) set_aside_.insert(set_aside_.end(), in_hand_.begin(), in_hand_.end());
        limit = limit == 1 ? kPiece : 1;
      }
    }
  }

  // Overrides that were given, changed or taken away. False when none are left.
  bool OverrideChanges(int64_t limit) {
    db::Transaction tx(session_);
    std::vector<std::string> ids;
    for (const db::Row row : tx.Exec(sql::kClaimOverrideChanges, db::Params::Of(limit, set_aside_))) {
      in_hand_.push_back(row.Text("user_id"));
      ids.push_back(row.Text("id"));
    }
    if (ids.empty()) return false;
    const int64_t changed = Revise(tx);
    tx.Exec(sql::kDeleteOverrideChanges, db::Params::Of(ids));
    tx.Commit();
    changed_ += changed;
    return true;
  }

  // Overrides whose time is over.
  bool LapsedOverrides(int64_t limit) {
    db::Transaction tx(session_);
    for (const db::Row row : tx.Exec(sql::kClaimLapsedOverrides, db::Params::Of(now_, limit, set_aside_))) {
      in_hand_.push_back(row.Text("user_id"));
    }
    if (in_hand_.empty()) return false;
    tx.Exec(sql::kMarkLapsedOverrides, db::Params::Of(in_hand_, now_));
    const int64_t changed = Revise(tx);
    tx.Commit();
    changed_ += changed;
    return true;
  }

  // Subscriptions whose grace, silence or held tier has ended.
  void FindWhoseTimeIsUp() {
    db::Transaction tx(session_, {.read_only = true});
    for (const db::Row row :
         tx.Exec(sql::kWhoseTimeIsUp, db::Params::Of(now_, static_cast<int64_t>(policy_.grace.count()),
                                                     static_cast<int64_t>(policy_.silence.count())))) {
      time_up_.push_back({row.Text("user_id"), row.Text("stripe_subscription_id")});
    }
    tx.Commit();
  }

  bool TimeUp(int64_t limit) {
    std::erase_if(time_up_,
                  [this](const auto& up) { return std::ranges::find(set_aside_, up.user) != set_aside_.end(); });
    if (time_up_.empty()) return false;
    const auto end = time_up_.begin() + std::min<std::ptrdiff_t>(limit, std::ssize(time_up_));
    in_hand_.clear();
    std::vector<std::string> subscriptions;
    for (auto up = time_up_.begin(); up != end; ++up) {
      in_hand_.push_back(up->user);
      subscriptions.push_back(up->subscription);
    }
    db::Transaction tx(session_);
    const int64_t changed = Revise(tx);
    tx.Exec(sql::kMarkLapsesSeen, db::Params::Of(subscriptions, now_));
    tx.Commit();
    changed_ += changed;
    time_up_.erase(time_up_.begin(), end);
    return true;
  }

  // Under the same lock as a batch, so that no other plan map comes into force meanwhile; for users it waits less long
  // than PostgreSQL takes to look for deadlocks, so that it is never somebody else's transaction that dies.
  int64_t Revise(db::Transaction& tx) {
    std::vector<std::string> users = in_hand_;
    std::ranges::sort(users);
    users.erase(std::unique(users.begin(), users.end()), users.end());
    tx.Exec(sql::kBoundLockWaits, db::Params::Of("10s"));
    tx.Exec(sql::kShareCrossObject);
    RequirePlanMap(tx, plan_fingerprint_);
    tx.Exec(sql::kBoundLockWaits, db::Params::Of("500ms"));
    return ReviseEntitlements(tx, users, plans_, policy_, now_);
  }

  db::Session& session_;
  const billing::PlanMap& plans_;
  const billing::EntitlementPolicy& policy_;
  const Instant now_;
  const std::string& plan_fingerprint_;
  std::vector<std::string> in_hand_;    // users of the running piece
  std::vector<std::string> set_aside_;  // users who could not be revised
  struct Lapse {
    std::string user, subscription;
  };
  std::vector<Lapse> time_up_;
  std::exception_ptr first_failure_;
  int64_t changed_ = 0;
};

}  // namespace

int64_t SweepEntitlements(db::Session& session, const billing::PlanMap& plans, const billing::EntitlementPolicy& policy,
                          Instant now, const std::string& plan_fingerprint) {
  return Sweep(session, plans, policy, now, plan_fingerprint).Run();
}

}  // namespace billsync::apply
