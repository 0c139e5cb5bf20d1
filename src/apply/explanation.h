// From facts to an explanation, without a database.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "billsync/apply/explain.h"
#include "billsync/stripe/event_use.h"
#include "fold_view.h"

namespace billsync::apply {

// Column and value as the database shows them, in the order of the table.
using StoredRow = std::vector<std::pair<std::string, std::optional<std::string>>>;

// What is known of one object.
struct ObjectFacts {
  std::string object_id;
  stripe::EventUse use = stripe::EventUse::kIgnored;
  std::string table;  // empty: this kind has no row
  std::optional<StoredRow> row;
  FoldView view;
  std::vector<EventSummary> events;  // those to show, whatever their order
  int64_t events_total = 0, events_waiting = 0;
};

// Pure.
Explanation Explain(const ObjectFacts& facts);

// An event that is not in any order: what it is by itself. Pure.
ExplainedEvent ExplainAlone(const EventSummary& event);

// Why the rule puts an event above `below`, for a person: "later second than evt_1".
std::string Sentence(stripe::OrderRule rule, const std::string& below);

// The sentence of a link: who it is and how we know. Pure.
std::string DescribeLink(const ExplainedLink& link);

// The ids of the events that still matter: the winner and those that set a column. `view.order` may be empty.
std::vector<std::string> SettingEvents(const FoldView& view);

}  // namespace billsync::apply
