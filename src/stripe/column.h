// The members of a snapshot that a row may take from another event than the winner, as one list per kind of object.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/stripe/merge.h"

namespace billsync::stripe {

// One such member. The row takes it from the snapshot that ranks highest, of equals from the newest. So a member that
// merely ought not to be forgotten ranks 1 where it has a value and 0 where it has none.
template <typename T>
struct Column {
  std::string_view name;
  std::function<std::int64_t(const T&)> rank;
  std::function<void(T& to, const T& from)> take;
  // Only rows for which this holds take it; empty: all. May look at `deleted` and at the winner.
  std::function<bool(const Folded<T>&)> when = {};
};

inline bool HasValue(const auto& value) {
  if constexpr (requires { value.has_value(); }) {
    return value.has_value();
  } else {
    return !value.empty();
  }
}

// `access` is a pointer to a member, or a lambda that returns a reference to something deeper:
// Newest<CatalogPrice>("currency", [](auto& p) -> auto& { return p.price.currency; }).
template <typename T, typename Access, typename Rank>
Column<T> Highest(std::string_view name, Access access, Rank rank) {
  return {.name = name,
          .rank = [rank](const T& snapshot) { return static_cast<std::int64_t>(std::invoke(rank, snapshot)); },
          .take = [access](T& to, const T& from) { std::invoke(access, to) = std::invoke(access, from); }};
}

// The newest value there is.
template <typename T, typename Access>
Column<T> Newest(std::string_view name, Access access) {
  return Highest<T>(name, access, [access](const T& snapshot) { return HasValue(std::invoke(access, snapshot)); });
}

// The same for a plain member, from which T follows.
template <typename T, typename V, typename Rank>
Column<T> Highest(std::string_view name, V T::*member, Rank rank) {
  return Highest<T, V T::*, Rank>(name, member, rank);
}
template <typename T, typename V>
Column<T> Newest(std::string_view name, V T::*member) {
  return Newest<T, V T::*>(name, member);
}

template <typename T, typename When>
Column<T> OnlyWhen(When when, Column<T> column) {
  column.when = when;
  return column;
}

// The snapshot of `order` (oldest → newest, not empty) that `column` is taken from.
template <typename T>
const Ordered<T>& SourceOf(const Column<T>& column, const std::vector<Ordered<T>>& order) {
  const Ordered<T>* source = &order.back();
  auto highest = column.rank(source->snapshot);
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const auto rank = column.rank(at->snapshot);
    if (rank <= highest) continue;
    highest = rank;
    source = &*at;
  }
  return *source;
}

// Whether it makes no difference which of two snapshots wins: what the row takes from the one that ranks higher in any
// case is not counted, as two API versions leave out different parts of one state.
template <typename T>
bool MakeTheSameRow(T a, T b, const std::vector<Column<T>>& columns) {
  for (const auto& column : columns) {
    if (column.when) continue;
    const auto rank_a = column.rank(a);
    const auto rank_b = column.rank(b);
    if (rank_a < rank_b) column.take(a, b);
    if (rank_b < rank_a) column.take(b, a);
  }
  return a == b;
}

// Completes the winner's snapshot, and says which values are not its own.
template <typename T>
void TakeColumns(Folded<T>& folded, const std::vector<Column<T>>& columns) {
  std::vector<const Column<T>*> taken;
  for (const auto& column : columns) {
    if (!column.when || column.when(folded)) taken.push_back(&column);
  }
  for (const auto* column : taken) {
    const auto& source = SourceOf(*column, folded.order);
    if (&source == &folded.order.back()) continue;
    column->take(folded.current, source.snapshot);
    folded.origins.push_back({std::string(column->name), source.event_id});
  }
}

}  // namespace billsync::stripe
