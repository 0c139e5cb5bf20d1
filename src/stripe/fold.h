// What the folds of all objects share: reading the set, putting it in order, completing the winner.
//
// A new kind of object is a decoder, its use in event_use.h, and this:
//
//   const Rules<Refund>& RefundRules() {
//     static const Rules<Refund> rules{
//         .use = EventUse::kRefund,
//         .decode = DecodeRefund,
//         .id = [](const Refund& r) { return r.id; },
//         // Left out is what the kind does not have: .terminal, .ended, .status_rank, .progress, .marks …
//         .columns = {Newest("charge", &Refund::charge), Newest("created", &Refund::created)},
//     };
//     return rules;
//   }
//
//   FoldResult<Folded<Refund>> FoldRefund(std::span<const StoredEvent> events) {
//     return FoldBy<Folded<Refund>>(events, RefundRules());
//   }
//
// and a line in essential.cpp. What a fold does beyond that must need nothing of older events than `columns`,
// `dated_state` and the marks keep.
//
// A member belongs into `columns` if a newer snapshot without it does not mean that it is gone: it is set once and
// stays, or some API versions leave it out. A member that Stripe may empty (cancel_at) must not be there.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "billsync/stripe/event_use.h"
#include "billsync/stripe/merge.h"
#include "chain.h"
#include "column.h"
#include "order.h"

namespace billsync::stripe {

// How one kind of object is read, ranked and completed.
template <typename T>
struct Rules {
  EventUse use = EventUse::kIgnored;
  std::function<tl::expected<T, std::string>(JsonValue)> decode = {};
  std::function<std::string(const T&)> id = {};  // of the object; empty makes the event unreadable
  // The state can never be left: such a snapshot is above all others, whatever its stamp.
  std::function<bool(const T&)> terminal = {};
  // Stripe has ended or removed the object, as a *.deleted event says of itself. Must be terminal too.
  std::function<bool(const T&)> ended = {};
  // A higher one cannot be followed by a lower one.
  std::function<int(const T&)> status_rank = {};
  // Numbers that only grow, compared in turn where previous_attributes do not order a second.
  std::function<std::array<std::int64_t, 2>(const T&)> progress = {};
  std::vector<Column<T>> columns = {};
  // A state whose beginning the row tells, if the object is in it.
  std::function<bool(const T&)> dated_state = {};
  // What else is asked of older snapshots by those who read `order`, once the newest event is at `winner` or later: of
  // each text the newest event is kept, per group of events that only time orders. `columns` are kept anyway.
  std::function<std::vector<std::string>(const T&, Instant winner)> marks = {};
  // The same, but the event with the earliest stamp, and of those the smallest id.
  std::function<std::vector<std::string>(const T&, Instant winner)> first_marks = {};
};

// One readable event of the set. The parsed payload is gone: thousands of them would be most of the memory, and only
// events that share a second are looked into again.
template <typename T>
struct Reading {
  const StoredEvent* event = nullptr;
  T snapshot;
};

template <typename T>
struct Readings {
  std::vector<Reading<T>> readable;
  std::vector<UnreadableEvent> unreadable;
  std::vector<std::string> ignored;
};

// The whole set in an order that depends on its contents only.
std::vector<const StoredEvent*> Canonical(std::span<const StoredEvent> events);

// Why a payload is no JSON, in words.
std::string Describe(JsonFault fault);

// The user an object's metadata name, if they do.
std::vector<std::string> UserNamedIn(const std::map<std::string, std::string>& metadata);

// Stripe's "*.deleted" and "*.created".
inline bool IsDeletion(const StoredEvent& event) {
  return event.type.ends_with(".deleted");
}
inline bool IsCreation(const StoredEvent& event) {
  return event.type.ends_with(".created");
}

// One event read for `rules`; the error says what is wrong, empty when the event is of no use here.
template <typename T>
tl::expected<Reading<T>, std::string> ReadEvent(const StoredEvent& event, const Rules<T>& rules) {
  const bool is_read = event.type == kApiReadType;
  if (!is_read && UseOf(event.type, {}) != rules.use) return tl::unexpected(std::string());
  const auto document = JsonDocument::Parse(event.payload);
  if (!document) return tl::unexpected(Describe(document.error()));
  const ChainLink link = LinkOf(event, document->Root());
  if (is_read && UseOf(event.type, link.object.Find("object").Text().value_or("")) != rules.use) {
    return tl::unexpected(std::string());
  }
  auto snapshot = rules.decode(link.object);
  if (!snapshot) return tl::unexpected(snapshot.error());
  if (rules.id(*snapshot).empty()) return tl::unexpected(std::string("data.object.id is missing"));
  return Reading<T>{&event, *std::move(snapshot)};
}

// Reads the set. Of several payloads under one event id the first readable one counts.
template <typename T>
Readings<T> ReadAll(std::span<const StoredEvent> events, const Rules<T>& rules) {
  Readings<T> readings;
  std::string object_id;
  const auto canonical = Canonical(events);
  for (size_t i = 0; i < canonical.size();) {
    const std::string& id = canonical[i]->id;
    std::optional<std::string> fault;
    bool done = false;
    for (; i < canonical.size() && canonical[i]->id == id; ++i) {
      if (done) continue;
      auto reading = ReadEvent(*canonical[i], rules);
      if (reading && !object_id.empty() && rules.id(reading->snapshot) != object_id) {
        reading = tl::unexpected(std::string("data.object.id is another object's"));
      }
      done = reading.has_value();
      if (!done && !fault) fault = reading.error();
      if (!done) continue;
      object_id = rules.id(reading->snapshot);
      readings.readable.push_back(*std::move(reading));
    }
    if (done) continue;
    if (fault->empty()) {
      readings.ignored.push_back(id);
    } else {
      readings.unreadable.push_back({id, *fault});
    }
  }
  return readings;
}

// Stripe has ended or removed the object.
template <typename T>
bool Ends(const StoredEvent& event, const T& snapshot, const Rules<T>& rules) {
  return IsDeletion(event) || (rules.ended && rules.ended(snapshot));
}

template <typename T>
std::vector<Candidate> Candidates(const std::vector<Reading<T>>& readings, const Rules<T>& rules) {
  std::vector<Candidate> candidates;
  candidates.reserve(readings.size());
  for (const auto& [event, snapshot] : readings) {
    Candidate candidate{.event = event,
                        .place = {.terminal = IsDeletion(*event) || (rules.terminal && rules.terminal(snapshot)),
                                  .not_creation = !IsCreation(*event),
                                  .second = UnixSeconds(event->created),
                                  .event = event->type != kApiReadType}};
    if (rules.status_rank) candidate.place.status_rank = rules.status_rank(snapshot);
    if (rules.progress) candidate.progress = rules.progress(snapshot);
    candidates.push_back(candidate);
  }
  return candidates;
}

// Reads, orders, and completes the winner's snapshot. F is a Folded<T>.
template <typename F, typename T>
FoldResult<F> FoldBy(std::span<const StoredEvent> events, const Rules<T>& rules) {
  auto readings = ReadAll(events, rules);
  if (readings.readable.empty()) return tl::unexpected(std::move(readings.unreadable));
  const Ordering ordering = PutInOrder(Candidates(readings.readable, rules));
  F folded;
  const T& newest = readings.readable[ordering.placements.back().candidate].snapshot;
  folded.needs_refetch = std::any_of(ordering.rivals.begin(), ordering.rivals.end(), [&](size_t rival) {
    return !MakeTheSameRow(readings.readable[rival].snapshot, newest, rules.columns);
  });
  for (const auto& placement : ordering.placements) {
    auto& [event, snapshot] = readings.readable[placement.candidate];
    folded.deleted |= Ends(*event, snapshot, rules);
    folded.order.push_back({event->id, event->type, event->created, placement.above_previous, std::move(snapshot)});
  }
  folded.current = folded.order.back().snapshot;
  folded.unreadable = std::move(readings.unreadable);
  folded.ignored = std::move(readings.ignored);
  TakeColumns(folded, rules.columns);
  return folded;
}

}  // namespace billsync::stripe
