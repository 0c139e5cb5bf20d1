// Prices, wherever a payload shows one.
#pragma once

#include "billsync/stripe/subscription.h"
#include "field_reader.h"

namespace billsync::stripe {

Price ReadPrice(FieldReader price);

// A legacy plan: the same facts under older names.
Price ReadPlan(FieldReader plan);

}  // namespace billsync::stripe
