#include "reviews.h"

#include <optional>

#include "apply/reviews_sql.h"
#include "billsync/stripe/active_entitlements.h"

namespace billsync::apply {
namespace {

constexpr int64_t kPiece = 1000;

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
        events_after_(row.OptText("events_after")),
        subscriptions_after_(row.OptText("subscriptions_after")),
        features_after_(row.OptText("features_after")) {}

  // One piece of each list. Returns how many objects and events are to be looked at.
  size_t WorkOff() {
    const size_t found = ReleaseEvents() + ReleaseSubscriptions() + ReleaseFeatures();
    if (events_after_ || subscriptions_after_ || features_after_) {
      tx_.Exec(sql::kAdvanceReview, db::Params::Of(id_, events_after_, subscriptions_after_, features_after_));
    } else {
      tx_.Exec(sql::kEndReview, db::Params::Of(id_));
    }
    return found;
  }

 private:
  size_t ReleaseEvents() {
    if (!events_after_) return 0;
    std::string last = *events_after_;
    const auto rows = tx_.Exec(sql::kReleaseUnmapped, db::Params::Of(last, kPiece));
    // An UPDATE returns its rows in no order. A piece may be short because rows were skipped: only an empty one ends.
    for (const db::Row row : rows) last = std::max(last, row.Text("id"));
    events_after_ = rows.empty() ? std::nullopt : Position(last);
    return static_cast<size_t>(rows.size());
  }

  size_t ReleaseSubscriptions() {
    if (!subscriptions_after_) return 0;
    const auto rows =
        catalog_ids_ ? tx_.Exec(sql::kNextSubscriptionsOf, db::Params::Of(*catalog_ids_, *subscriptions_after_, kPiece))
                     : tx_.Exec(sql::kNextSubscriptions, db::Params::Of(*subscriptions_after_, kPiece));
    const auto ids = IdsOf(rows, subscriptions_after_);
    LookAgain(tx_, ids);
    return ids.size();
  }

  size_t ReleaseFeatures() {
    if (!features_after_) return 0;
    auto ids = IdsOf(tx_.Exec(sql::kNextFeatures, db::Params::Of(*features_after_, kPiece)), features_after_);
    for (auto& id : ids) id = stripe::EntitlementsObjectId(id);
    LookAgain(tx_, ids);
    return ids.size();
  }

  db::Transaction& tx_;
  const int64_t id_;
  const std::optional<std::string> catalog_ids_;  // as PostgreSQL writes the array
  Position events_after_, subscriptions_after_, features_after_;
};

}  // namespace

void RequestReview(db::Transaction& tx, const std::vector<std::string>& catalog_ids) {
  if (!catalog_ids.empty()) tx.Exec(sql::kRequestReview, db::Params::Of(catalog_ids));
}

void RequestReviewOfAll(db::Transaction& tx) {
  tx.Exec(sql::kRequestReviewOfAll);
}

void ReleaseReviewed(db::Session& session) {
  size_t found = 0;
  for (bool asked = true; asked && found == 0;) {
    db::Transaction tx(session);
    const auto reviews = tx.Exec(sql::kClaimReview);
    asked = !reviews.empty();
    if (asked) found = Review(tx, reviews.Only()).WorkOff();
    tx.Commit();
  }
}

void LookAgain(db::Transaction& tx, const std::vector<std::string>& object_ids) {
  if (!object_ids.empty()) tx.Exec(sql::kLookAgain, db::Params::Of(object_ids));
}

}  // namespace billsync::apply
