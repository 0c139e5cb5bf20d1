#include "essential.h"
#include "fold.h"

namespace billsync::stripe {
namespace {

// An API read of a deleted price or product says nothing but that; what it was stays known.
template <typename T>
bool IsDeleted(const Folded<T>& folded) {
  return folded.deleted;
}

// Such a read has no currency, every other rendering of a price has one.
bool IsWhole(const CatalogPrice& p) {
  return p.price.currency.has_value();
}

// A member of the price inside.
template <typename V>
auto In(V Price::*member) {
  return [member](auto& p) -> auto& {
    return p.price.*member;
  };
}

// What cannot be edited is only ever missing; a nickname, a lookup key or a tier in the metadata can be taken away.
std::vector<Column<CatalogPrice>> PriceColumns() {
  using P = CatalogPrice;
  const auto deleted = IsDeleted<P>;
  return {
      Newest<P>("product", In(&Price::product)),
      Newest<P>("currency", In(&Price::currency)),
      Newest<P>("unit_amount", In(&Price::unit_amount)),
      Newest<P>("unit_amount_decimal", In(&Price::unit_amount_decimal)),
      Newest<P>("interval", In(&Price::interval)),
      Highest<P>("interval_count", In(&Price::interval_count), IsWhole),
      Highest<P>("metered", In(&Price::metered), IsWhole),
      Highest<P>("tiered", In(&Price::tiered), IsWhole),
      Highest<P>("transform_quantity", In(&Price::transform_quantity), IsWhole),
      OnlyWhen(deleted, Newest<P>("lookup_key", In(&Price::lookup_key))),
      OnlyWhen(deleted, Newest<P>("plan_tier", In(&Price::plan_tier))),
      OnlyWhen(deleted, Newest("nickname", &P::nickname)),
      Newest("created", &P::created),
      Highest("livemode", &P::livemode, &P::livemode),
  };
}

const Rules<CatalogPrice>& PriceRules() {
  static const Rules<CatalogPrice> rules{
      .use = EventUse::kPrice,
      .decode = DecodeCatalogPrice,
      .id = [](const CatalogPrice& p) { return p.price.id; },
      .terminal = [](const CatalogPrice& p) { return p.deleted; },
      .ended = [](const CatalogPrice& p) { return p.deleted; },
      .columns = PriceColumns(),
      // Who bought it by a lookup key that has moved on since keeps what that meant.
      .marks = [](const CatalogPrice& p, Instant) -> std::vector<std::string> {
        if (!p.price.lookup_key) return {};
        return {"lookup_key " + *p.price.lookup_key};
      },
  };
  return rules;
}

const Rules<Product>& ProductRules() {
  static const Rules<Product> rules{
      .use = EventUse::kProduct,
      .decode = DecodeProduct,
      .id = [](const Product& p) { return p.id; },
      .terminal = [](const Product& p) { return p.deleted; },
      .ended = [](const Product& p) { return p.deleted; },
      .columns = {Newest("name", &Product::name),
                  OnlyWhen(IsDeleted<Product>, Newest("plan_tier", &Product::plan_tier)),
                  Newest("created", &Product::created), Highest("livemode", &Product::livemode, &Product::livemode)},
  };
  return rules;
}

template <typename T>
FoldResult<Folded<T>> FoldCatalog(std::span<const StoredEvent> events, const Rules<T>& rules) {
  auto result = FoldBy<Folded<T>>(events, rules);
  if (result && result->deleted) {
    result->current.deleted = true;
    result->current.active = false;
  }
  return result;
}

}  // namespace

FoldResult<Folded<CatalogPrice>> FoldPrice(std::span<const StoredEvent> events) {
  return FoldCatalog(events, PriceRules());
}

FoldResult<Folded<Product>> FoldProduct(std::span<const StoredEvent> events) {
  return FoldCatalog(events, ProductRules());
}

std::vector<std::string> EssentialOfPrice(std::span<const StoredEvent> events) {
  return EssentialBy(events, PriceRules());
}

std::vector<std::string> EssentialOfProduct(std::span<const StoredEvent> events) {
  return EssentialBy(events, ProductRules());
}

}  // namespace billsync::stripe
