#include "reviews.h"

#include <optional>

#include "apply/reviews_sql.h"
#include "billsync/stripe/active_entitlements.h"

namespace billsync::apply {
namespace {

// As many as a batch takes: what comes in meanwhile waits for no more than these.
constexpr int64_t kPiece = 256;
// Stored events looked at in one transaction; most of them are not made due.
constexpr int64_t kEventsPerPiece = 500;

// How far one list of a request has been worked off; none: to its end.
using Position = std::optional<std::string>;

std::vector<std::string> IdsOf(const db::Result& rows, Position& position) {
  std::vector<std::string> ids;
  for (const db::Row row : rows) ids.push_back(row.Text("id"));
  position = static_cast<int64_t>(ids.size()) < kPiece ? std::nullopt : Position(ids.back());
  return ids;
}

class Review {
 public:
  Review(db::Transaction& tx, const db::Row& row)
      : tx_(tx),
        id_(row.Int("id")),
        catalog_ids_(row.OptText("catalog_ids")),
        types_(row.OptText("types")),
        free_quota_(row.OptInt("free_quota")),
        events_after_(row.OptText("events_after")),
        subscriptions_after_(row.OptText("subscriptions_after")),
        features_after_(row.OptText("features_after")),
        unread_after_(row.OptText("unread_after")),
        invoices_after_(row.OptText("invoices_after")),
        users_after_(row.OptText("users_after")) {}

  // One piece of each list.
  void WorkOff() {
    if (events_after_) ReleaseEvents();
    if (subscriptions_after_) ReleaseSubscriptions();
    if (features_after_) ReleaseFeatures();
    if (unread_after_) ReleaseUnread();
    if (invoices_after_) ReleaseInvoices();
    if (users_after_) HandOverUsers();
    if (events_after_ || subscriptions_after_ || features_after_ || unread_after_ || invoices_after_ || users_after_) {
      tx_.Exec(sql::kAdvanceReview, db::Params::Of(id_, events_after_, subscriptions_after_, features_after_,
                                                   unread_after_, invoices_after_, users_after_));
    } else {
      tx_.Exec(sql::kEndReview, db::Params::Of(id_));
    }
  }

 private:
  void ReleaseEvents() {
    std::string last = *events_after_;
    const auto rows = tx_.Exec(sql::kReleaseUnmapped, db::Params::Of(last, kPiece));
    // An UPDATE returns its rows in no order. A piece may be short because rows were skipped: only an empty one ends.
    for (const db::Row row : rows) last = std::max(last, row.Text("id"));
    events_after_ = rows.empty() ? std::nullopt : Position(last);
  }

  void ReleaseSubscriptions() {
    const auto rows =
        catalog_ids_ ? tx_.Exec(sql::kNextSubscriptionsOf, db::Params::Of(*catalog_ids_, *subscriptions_after_, kPiece))
                     : tx_.Exec(sql::kNextSubscriptions, db::Params::Of(*subscriptions_after_, kPiece));
    LookAgain(tx_, IdsOf(rows, subscriptions_after_));
  }

  void ReleaseFeatures() {
    auto ids = IdsOf(tx_.Exec(sql::kNextFeatures, db::Params::Of(*features_after_, kPiece)), features_after_);
    for (auto& id : ids) id = stripe::EntitlementsObjectId(id);
    LookAgain(tx_, ids);
  }

  void ReleaseUnread() {
    const auto rows = tx_.Exec(sql::kReleaseUnread,
                               db::Params::Of(*unread_after_, types_, kEventsPerPiece, stripe::kActiveEntitlementsType,
                                              stripe::EntitlementsObjectId("")));
    unread_after_ = rows.Only().OptText("last");
  }

  void ReleaseInvoices() {
    const auto rows = tx_.Exec(sql::kNextUncredited, db::Params::Of(*invoices_after_, kPiece));
    LookAgain(tx_, IdsOf(rows, invoices_after_));
  }

  void HandOverUsers() {
    IdsOf(tx_.Exec(sql::kHandFreeUsersToSweep, db::Params::Of(*users_after_, free_quota_, kPiece)), users_after_);
  }

  db::Transaction& tx_;
  const int64_t id_;
  const std::optional<std::string> catalog_ids_, types_;  // as PostgreSQL writes the arrays
  const std::optional<int64_t> free_quota_;
  Position events_after_, subscriptions_after_, features_after_, unread_after_, invoices_after_, users_after_;
};

}  // namespace

void RequestReview(db::Transaction& tx, const std::vector<std::string>& catalog_ids) {
  if (!catalog_ids.empty()) tx.Exec(sql::kRequestReview, db::Params::Of(catalog_ids));
}

void RequestReviewOfAll(db::Transaction& tx, std::optional<int64_t> former_free_quota) {
  tx.Exec(sql::kRequestReviewOfAll, db::Params::Of(former_free_quota));
}

void RequestReviewOfIgnored(db::Transaction& tx, const std::vector<std::string>& types) {
  tx.Exec(sql::kRequestReviewOfIgnored, db::Params::Of(types));
}

bool ReleaseReviewed(db::Session& session) {
  db::Transaction tx(session);
  const auto reviews = tx.Exec(sql::kClaimReview);
  if (!reviews.empty()) Review(tx, reviews.Only()).WorkOff();
  tx.Commit();
  return !reviews.empty();
}

void LookAgain(db::Transaction& tx, const std::vector<std::string>& object_ids) {
  if (!object_ids.empty()) tx.Exec(sql::kLookAgain, db::Params::Of(object_ids));
}

}  // namespace billsync::apply
