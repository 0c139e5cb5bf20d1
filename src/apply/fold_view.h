// What a fold says of one object, whatever its kind: enough to explain its row.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/stripe/event_use.h"
#include "billsync/stripe/merge.h"

namespace billsync::apply {

// What one column of the object's row is made of.
struct RowValue {
  std::string_view column;
  // The member of the folded object that it comes from; empty when no event of the object sets it.
  std::string_view member;
  // As PostgreSQL shows it, times as FormatInstant. Only with `exact` it is all there is to it: what must stand in the
  // row. Otherwise `note` says what else decides.
  std::optional<std::string> value;
  bool exact = true;
  std::string_view note;
};

struct PlacedEvent {
  std::string event_id;
  stripe::OrderRule above_previous = stripe::OrderRule::kFirst;
};

struct FoldView {
  std::vector<PlacedEvent> order;  // oldest → newest; empty when no event could be used
  std::vector<stripe::ValueOrigin> origins;
  std::vector<stripe::UnreadableEvent> unreadable;
  std::vector<std::string> ignored;
  std::vector<RowValue> values;
  bool deleted = false;
  bool needs_refetch = false;

  // The event that set a member's value. `order` must not be empty.
  const std::string& SourceOf(std::string_view member) const;
};

// Folds the events of one object as `use`. Pure; never throws on any payload.
FoldView ViewOf(stripe::EventUse use, std::span<const stripe::StoredEvent> events);

// subscription, invoice, customer …; "unknown" for kIgnored.
std::string_view KindName(stripe::EventUse use);

}  // namespace billsync::apply
