// Which refunds belong to which invoice, from what each object says of the others. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "billsync/base/instant.h"

namespace billsync::apply {

// What one object says: a line of ReadPaymentFacts.
struct PaymentFact {
  enum class Kind { kCharge, kRefund, kOther };
  std::string said_by;
  Kind kind = Kind::kOther;
  std::optional<std::string> payment_intent, charge;  // names of the same payment
  std::optional<std::string> invoice;                 // that it paid
  std::optional<std::string> currency;
  std::int64_t amount_minor = 0;   // of a charge what it says was refunded, of a refund its amount
  bool failed = false;             // of a refund: the money came back
  Instant as_of = Instant::min();  // of the newest event that said so
};

// What was refunded of each of `currencies` (invoice → its currency), in minor units; an entry for each.
//
// Names that one object puts side by side are one payment. It belongs to the smallest invoice that any object names for
// any of its names. Refunded of it is what its refund objects add up to, or what its charges say less the refunds that
// failed, whichever is more: either source may be missing, and a charge's newest snapshot may be older than a failure.
// A refund whose newest event is older than the charges' newest snapshot has failed before that, and is not in it.
// Amounts in another currency than the invoice's are not counted. `facts` must hold every fact about the payments of
// these invoices; neither their order nor their repetition matters. Throws std::overflow_error.
std::map<std::string, std::int64_t> RefundedByInvoice(const std::vector<PaymentFact>& facts,
                                                      const std::map<std::string, std::string>& currencies);

}  // namespace billsync::apply
