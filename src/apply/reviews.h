// Looking again at what is applied already: what prices mean has changed, and rows with it.
#pragma once

#include <string>
#include <vector>

#include "billsync/db/session.h"

namespace billsync::apply {

// Asks for another look at the subscriptions whose snapshots show one of these prices or products, and at all events
// that are parked for an unmapped price. Nothing is written when there are neither. In the transaction that changes the
// catalog, which holds the cross-object lock alone: no batch that read the old catalog is under way.
void RequestReview(db::Transaction& tx, const std::vector<std::string>& catalog_ids);

// The same for every subscription, and for what customers are entitled to by features: another plan map is in force.
void RequestReviewOfAll(db::Transaction& tx);

// Works off the oldest request until some events are due or nothing is asked for; at most a thousand of each kind at a
// time, each in a transaction of its own. To be called before each batch: one look at an empty table, mostly.
void ReleaseReviewed(db::Session& session);

// Makes an event of each of these objects due, so that their rows are written anew. Objects of which every event is
// being applied this moment are left out: that attempt comes after this transaction's, or sees what it has written.
void LookAgain(db::Transaction& tx, const std::vector<std::string>& object_ids);

}  // namespace billsync::apply
