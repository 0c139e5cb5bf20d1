// Folded active entitlements → rows of billing_customer_features.
#pragma once

#include <string>
#include <vector>

#include "billsync/db/session.h"
#include "object_work.h"

namespace billsync::apply {

// The features a customer has by all that is known: those of the newest list and, as long as lists were truncated,
// those of the lists before it down to the last whole one. What a truncated list does not show is not gone. Pure.
std::vector<std::string> KnownFeatures(const stripe::Folded<stripe::ActiveEntitlements>& fold);

// Writes the rows, for customers without a user too.
void WriteFeatures(db::Transaction& tx, const std::vector<FeatureWork>& work);

}  // namespace billsync::apply
