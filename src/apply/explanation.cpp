#include "explanation.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "billsync/base/json_writer.h"
#include "billsync/billing/event_reason.h"

namespace billsync::apply {
namespace {

using stripe::OrderRule;

// PostgreSQL's JSON form of a timestamptz in UTC, in our own; everything else as it is.
std::optional<std::string> Shown(const std::optional<std::string>& value) {
  constexpr std::string_view kUtc = "+00:00";
  if (!value || !value->ends_with(kUtc)) return value;
  const auto at = ParseInstant(value->substr(0, value->size() - kUtc.size()) + "Z");
  return at ? FormatInstant(*at) : value;
}

class Explainer {
 public:
  explicit Explainer(const ObjectFacts& facts) : facts_(facts), order_(facts.view.order) {
    for (size_t i = 0; i < order_.size(); ++i) places_.emplace(order_[i].event_id, i);
  }

  Explanation Explain() {
    Explanation result;
    result.object_id = facts_.object_id;
    result.kind = KindName(facts_.use);
    result.table = facts_.table;
    result.has_row = facts_.row.has_value();
    result.deleted = facts_.view.deleted;
    result.needs_refetch = facts_.view.needs_refetch;
    result.columns = Columns();
    result.events = Events(result.columns);
    result.events_total = facts_.events_total;
    result.events_left_out = facts_.events_total - static_cast<int64_t>(result.events.size());
    result.events_waiting = facts_.events_waiting;
    const bool differs = std::ranges::any_of(result.columns, &ExplainedColumn::differs);
    result.drift = facts_.events_waiting == 0 && !order_.empty() && !facts_.table.empty() && (!facts_.row || differs);
    return result;
  }

  ExplainedEvent Event(const EventSummary& event, const std::vector<ExplainedColumn>& columns) const {
    ExplainedEvent result;
    result.event = event;
    for (const auto& column : columns) {
      if (column.event_id == event.id) result.sets.push_back(column.name);
    }
    if (const auto place = places_.find(event.id); place != places_.end()) {
      GivePlace(place->second, result);
    } else {
      GiveReason(result);
    }
    return result;
  }

 private:
  const RowValue* FindValue(std::string_view column) const {
    const auto found = std::ranges::find(facts_.view.values, column, &RowValue::column);
    return found == facts_.view.values.end() ? nullptr : &*found;
  }

  ExplainedColumn Column(const std::string& name, const std::optional<std::string>& value, const RowValue* meaning) {
    ExplainedColumn column;
    column.name = name;
    column.value = Shown(value);
    if (meaning == nullptr) return column;
    column.note = meaning->note;
    if (!meaning->member.empty()) column.event_id = facts_.view.SourceOf(meaning->member);
    if (!meaning->exact) return column;
    column.expected = meaning->value;
    column.differs = column.value != column.expected;
    return column;
  }

  std::vector<ExplainedColumn> Columns() {
    std::vector<ExplainedColumn> columns;
    if (facts_.row) {
      for (const auto& [name, value] : *facts_.row) {
        // A surrogate key says nothing.
        if (name != "id") columns.push_back(Column(name, value, FindValue(name)));
      }
      return columns;
    }
    for (const auto& value : facts_.view.values) {
      if (value.exact) columns.push_back(Column(std::string(value.column), value.value, &value));
    }
    return columns;
  }

  std::vector<ExplainedEvent> Events(const std::vector<ExplainedColumn>& columns) const {
    std::vector<ExplainedEvent> events;
    for (const auto& event : facts_.events) events.push_back(Event(event, columns));
    std::ranges::stable_sort(events, [&](const auto& a, const auto& b) { return Rank(a) > Rank(b); });
    return events;
  }

  // By place; those without one after all others, the newest first.
  std::tuple<bool, size_t, Instant, std::string> Rank(const ExplainedEvent& event) const {
    const auto place = places_.find(event.event.id);
    const bool placed = place != places_.end();
    return {placed, placed ? place->second : 0, event.event.created, event.event.id};
  }

  void GivePlace(size_t place, ExplainedEvent& event) const {
    const bool won = place + 1 == order_.size();
    event.standing = won ? Standing::kWinner : Standing::kOlder;
    event.rule = order_[place].above_previous;
    if (place > 0) event.above = order_[place - 1].event_id;
    if (!won) event.lost_to = order_[place + 1].event_id;
    if (won) {
      event.why = facts_.row ? "the row shows it" : "the newest";
    } else {
      event.why = "older: lost to " + *event.lost_to;
    }
    event.why += "; " + Sentence(*event.rule, event.above.value_or(""));
    if (!won && !event.sets.empty()) event.why += "; what it says is in no newer event";
    event.why += Waiting(event.event);
  }

  void GiveReason(ExplainedEvent& event) const {
    const auto& unreadable = facts_.view.unreadable;
    const auto found = std::ranges::find(unreadable, event.event.id, &stripe::UnreadableEvent::id);
    if (found != unreadable.end()) {
      event.standing = Standing::kUnreadable;
      event.why = "cannot be read: " + found->what + Waiting(event.event);
    } else if (event.event.status == "ignored") {
      event.standing = Standing::kIgnored;
      event.why = "ignored: " + IgnoredBecause(event.event);
    } else if (std::ranges::find(facts_.view.ignored, event.event.id) != facts_.view.ignored.end()) {
      event.standing = Standing::kIgnored;
      event.why = "not about this " + std::string(KindName(facts_.use)) + Waiting(event.event);
    } else if (facts_.use == stripe::EventUse::kCheckoutSession) {
      event.standing = Standing::kIgnored;
      event.why = "names a user for its customer; no row is made of it" + Waiting(event.event);
    } else {
      event.standing = Standing::kSetAside;
      event.why = "older than all that still matters" + Waiting(event.event);
    }
  }

  // What an event waits for, and what would release it.
  static std::string Waiting(const EventSummary& event) {
    if (event.status == "received") return "; not applied yet";
    if (event.status != "parked" && event.status != "dead") return "";
    std::string text = "; " + event.status + ": " + event.reason.value_or("");
    if (event.detail && !event.detail->empty()) text += " (" + *event.detail + ")";
    if (const auto way_out = event.WayOut(); !way_out.empty()) text += ", way out: " + way_out;
    return text;
  }

  static std::string IgnoredBecause(const EventSummary& event) {
    using billing::IgnoreReason;
    const std::string reason = event.reason.value_or("");
    if (reason == Code(IgnoreReason::kTypeNotUsed) && stripe::UseOf(event.type, "") != stripe::EventUse::kIgnored) {
      return "the release that stored it did not read its type; serve of this one makes it due";
    }
    for (const auto one : {IgnoreReason::kTypeNotUsed, IgnoreReason::kThinEvent, IgnoreReason::kOtherMode,
                           IgnoreReason::kNoObjectId, IgnoreReason::kNoCustomer}) {
      if (reason == Code(one)) return Meaning(one);
    }
    return reason;
  }

  static std::string Meaning(billing::IgnoreReason reason) {
    using billing::IgnoreReason;
    switch (reason) {
      case IgnoreReason::kTypeNotUsed:
        return "no row depends on its type";
      case IgnoreReason::kThinEvent:
        return "a thin event, which carries no object";
      case IgnoreReason::kOtherMode:
        return "of the other mode (test or live) than BILLSYNC_LIVEMODE asks for";
      case IgnoreReason::kNoObjectId:
        return "its object has no id to keep it under, as a preview";
      case IgnoreReason::kNoCustomer:
        return "its object belongs to no customer";
    }
    throw std::logic_error("unknown IgnoreReason");
  }

  const ObjectFacts& facts_;
  const std::vector<PlacedEvent>& order_;
  std::map<std::string_view, size_t> places_;
};

}  // namespace

std::string_view Code(Standing standing) {
  switch (standing) {
    case Standing::kWinner:
      return "winner";
    case Standing::kOlder:
      return "older";
    case Standing::kUnreadable:
      return "unreadable";
    case Standing::kIgnored:
      return "ignored";
    case Standing::kSetAside:
      return "set_aside";
  }
  throw std::logic_error("unknown Standing");
}

ExplainedEvent ExplainAlone(const EventSummary& event) {
  const ObjectFacts nothing;
  return Explainer(nothing).Event(event, {});
}

Explanation Explain(const ObjectFacts& facts) {
  return Explainer(facts).Explain();
}

std::string Sentence(OrderRule rule, const std::string& below) {
  switch (rule) {
    case OrderRule::kFirst:
      return "nothing is below it";
    case OrderRule::kTerminal:
      return "it shows an end (a final state or a deletion), " + below + " does not";
    case OrderRule::kNotCreation:
      return below + " is the creation, always the earliest";
    case OrderRule::kStatusRank:
      return "its status cannot come before that of " + below;
    case OrderRule::kTime:
      return "later second than " + below;
    case OrderRule::kEventOverRead:
      return "same second as the API read " + below + ", which may have been answered before it";
    case OrderRule::kChain:
      return "same second: its previous_attributes show that it came after " + below;
    case OrderRule::kProgress:
      return "same second: amounts, attempts or the period have moved on since " + below;
    case OrderRule::kEventId:
      return "same second and nothing tells which came first: the greater id counts, so that everybody decides alike "
             "(" +
             below + " has the smaller one)";
  }
  throw std::logic_error("unknown OrderRule");
}

std::string DescribeLink(const ExplainedLink& link) {
  if (!link.user_id) {
    return link.evidence.empty() ? "no user: nothing has named one yet"
                                 : "no user: what was named is no user's id; see the evidence";
  }
  const std::string user = "user " + *link.user_id + ": ";
  if (link.linked_by == "metadata") return user + "metadata.user_id of the customer or of a subscription names it";
  if (link.linked_by == "checkout_reference") return user + "client_reference_id of a Checkout Session names it";
  if (link.linked_by == "users_row") return user + "its row in users has this customer's id";
  if (link.linked_by == "email") return user + "the only user with this e-mail address, which is verified";
  return user + link.linked_by.value_or("");
}

std::vector<std::string> SettingEvents(const FoldView& view) {
  if (view.order.empty()) return {};
  std::set<std::string> ids{view.order.back().event_id};
  for (const auto& value : view.values) {
    if (!value.member.empty()) ids.insert(view.SourceOf(value.member));
  }
  return {ids.begin(), ids.end()};
}

}  // namespace billsync::apply
