// Looking again at what is applied already: what prices mean has changed, and rows with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "billsync/db/session.h"

namespace billsync::apply {

// Asks for another look at the subscriptions whose snapshots show one of these prices or products, and at all events
// that are parked for an unmapped price. Nothing is written when there are neither. In the transaction that changes the
// catalog, which holds the cross-object lock alone: no batch that read the old catalog is under way.
void RequestReview(db::Transaction& tx, const std::vector<std::string>& catalog_ids);

// The same for every subscription, and for what customers are entitled to by features: another plan map is in force.
// `former_free_quota`: the free plan's quota has changed, so free users who have the former one are to be revised.
void RequestReviewOfAll(db::Transaction& tx, std::optional<int64_t> former_free_quota);

// Asks for the events of these types that are stored as ignored: this release reads them.
void RequestReviewOfIgnored(db::Transaction& tx, const std::vector<std::string>& types);

// Works off a piece of the oldest request, in a transaction of its own; about as many events as a batch takes become
// due, or none. Does nothing while as many are due anyway. Returns whether there was a request. To be called before
// each batch: one look at an empty table, mostly.
bool ReleaseReviewed(db::Session& session);

// Makes an event of each of these objects due, so that their rows are written anew. Objects of which every event is
// being applied this moment are left out: that attempt comes after this transaction's, or sees what it has written.
void LookAgain(db::Transaction& tx, const std::vector<std::string>& object_ids);

}  // namespace billsync::apply
