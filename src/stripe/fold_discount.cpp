#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

bool TellsTerms(const Discount& discount) {
  return discount.percent_off || discount.amount_off;
}

const Rules<Discount>& DiscountRules() {
  static const Rules<Discount> rules{
      .use = EventUse::kDiscount,
      .decode = DecodeDiscount,
      .id = [](const Discount& d) { return d.id; },
      .columns = {Newest("customer", &Discount::customer), Newest("subscription", &Discount::subscription),
                  Newest("coupon", &Discount::coupon), Newest("promotion_code", &Discount::promotion_code),
                  Newest("start", &Discount::start)},
      // Of each coupon, what last told its terms: any of them may be the row's.
      .marks =
          [](const Discount& d, Instant) {
            return TellsTerms(d) ? std::vector<std::string>{d.coupon.value_or("")} : std::vector<std::string>{};
          },
  };
  return rules;
}

// The terms of the row's coupon: versions that name it only by its id do not tell them. Terms are taken whole, and only
// from the same coupon.
void TakeTerms(Folded<Discount>& folded) {
  Discount& current = folded.current;
  if (TellsTerms(current)) return;
  const auto from = std::find_if(folded.order.rbegin(), folded.order.rend(), [&](const Ordered<Discount>& event) {
    return TellsTerms(event.snapshot) && event.snapshot.coupon == current.coupon;
  });
  if (from == folded.order.rend()) return;
  const auto take = [&](std::string_view column, auto member) {
    if (current.*member == from->snapshot.*member) return;
    current.*member = from->snapshot.*member;
    folded.origins.push_back({std::string(column), from->event_id});
  };
  take("percent_off", &Discount::percent_off);
  take("amount_off", &Discount::amount_off);
  take("currency", &Discount::currency);
}

}  // namespace

FoldResult<Folded<Discount>> FoldDiscount(std::span<const StoredEvent> events) {
  auto result = FoldBy<Folded<Discount>>(events, DiscountRules());
  if (result) TakeTerms(*result);
  return result;
}

std::vector<std::string> EssentialOfDiscount(std::span<const StoredEvent> events, Instant now) {
  return EssentialBy(events, DiscountRules(), now);
}

}  // namespace billsync::stripe
