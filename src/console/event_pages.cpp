#include <algorithm>

#include "billsync/admin/reading.h"
#include "billsync/apply/event_log.h"
#include "billsync/apply/explain.h"
#include "pages.h"
#include "table.h"

namespace billsync::console {
namespace {

bool CanRetry(const apply::EventSummary& event) {
  return event.status == "parked" || event.status == "dead";
}

// The payload with an indent of its own; every byte of its values as it was sent. Not a parser: it follows brackets
// and commas outside of texts.
std::string Indented(std::string_view json) {
  std::string out;
  size_t depth = 0;
  bool in_text = false, escaped = false;
  const auto new_line = [&] { out += "\n" + std::string(depth * 2, ' '); };
  for (const char c : json) {
    if (in_text) {
      out += c;
      in_text = escaped || c != '"';
      escaped = !escaped && c == '\\';
      continue;
    }
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '}' || c == ']') {
      depth -= depth > 0 ? 1 : 0;
      if (!out.ends_with('{') && !out.ends_with('[')) new_line();
    } else if (out.ends_with('{') || out.ends_with('[')) {
      new_line();
    }
    out += c;
    in_text = c == '"';
    if (c == '{' || c == '[') ++depth;
    if (c == ',') new_line();
    if (c == ':') out += ' ';
  }
  return out;
}

Html RetryTools(const PageCall& call, bool any_retryable) {
  if (!call.IsOps() || !any_retryable) return {};
  Html tools = Button("Retry selected");
  const std::string reason = call.Query("reason");
  if (!reason.empty()) {
    tools += Tag("button", {{"type", "submit"}, {"name", "reason"}, {"value", reason}}, {"Retry all " + reason});
  }
  return Tag("div", {{"class", "tools"}}, {tools});
}

Html EventsTable(const PageCall& call, const std::vector<apply::EventSummary>& events) {
  const bool tools = call.IsOps() && std::ranges::any_of(events, CanRetry);
  std::vector<std::vector<Html>> rows;
  for (const auto& event : events) {
    std::vector<Html> row;
    if (tools) {
      row.push_back(
          CanRetry(event)
              ? Tag("input",
                    {{"type", "checkbox"}, {"name", "id"}, {"value", event.id}, {"aria-label", "Select " + event.id}})
              : Html());
    }
    row.push_back(EventLink(event.id));
    row.push_back(event.type);
    row.push_back(Badge(event.status));
    row.push_back(event.reason.value_or(""));
    row.push_back(event.object_id ? ObjectLink(*event.object_id) : Html());
    row.push_back(Moment(event.received_at));
    row.push_back(std::to_string(event.attempts));
    rows.push_back(std::move(row));
  }
  std::vector<std::string> heads = {"Event", "Type", "Status", "Reason", "Object", "Received", "Attempts"};
  std::vector<bool> numeric = {false, false, false, false, false, false, true};
  if (tools) {
    heads.insert(heads.begin(), "");
    numeric.insert(numeric.begin(), false);
  }
  const Html table = PlainTable(heads, rows, numeric, {.caption = "Events", .empty = "No event fits."});
  return tools ? PostForm(call, "/events/retry", {table, RetryTools(call, tools)}) : table;
}

// What waits, by reason, as links that filter.
Html Waiting(db::Session& session) {
  Html links;
  for (const auto& [key, count] : apply::CountEvents(session).by_status_reason) {
    if (key.first == "received") continue;
    links += Tag("a", {{"class", "chip"}, {"href", Url("/events", {{"status", key.first}, {"reason", key.second}})}},
                 {key.first + " · " + key.second + " ", Tag("b", {Grouped(std::to_string(count))})});
  }
  return links.empty() ? Html() : Tag("p", {{"class", "chips"}}, {links});
}

Html EventFacts(const apply::EventSummary& event) {
  std::vector<std::pair<std::string, Html>> facts = {{"Status", Badge(event.status)},
                                                     {"Type", event.type},
                                                     {"Received", Moment(event.received_at)},
                                                     {"Created", Moment(event.created)},
                                                     {"Applied", Moment(event.applied_at)},
                                                     {"Attempts", std::to_string(event.attempts)},
                                                     {"API version", event.api_version.value_or("–")},
                                                     {"Mode", event.livemode ? "live" : "test"}};
  if (event.object_id) facts.insert(facts.begin() + 2, {"Object", ObjectLink(*event.object_id)});
  if (event.customer) facts.insert(facts.begin() + 2, {"Customer", ObjectLink(*event.customer)});
  return Facts(facts);
}

Html Why(const PageCall& call, const apply::EventSummary& event) {
  Html why = Tag("p", {Tag("strong", {event.reason.value_or("")}), event.detail ? " — " + *event.detail : ""});
  if (const auto way_out = event.WayOut(); !way_out.empty()) why += Tag("p", {"Way out: " + way_out});
  if (event.status == "parked") why += Tag("p", {"Tried again by itself: ", Moment(event.next_attempt_at)});
  if (call.IsOps() && CanRetry(event)) {
    why += PostForm(
        call, "/events/retry",
        {Tag("input", {{"type", "hidden"}, {"name", "id"}, {"value", event.id}}),
         Tag("input", {{"type", "hidden"}, {"name", "back"}, {"value", "event"}}), Button("Retry now", "primary")});
  }
  return why;
}

Html ExplainedColumns(const apply::Explanation& found) {
  std::vector<std::vector<Html>> rows;
  for (const auto& column : found.columns) {
    Html value = column.value ? Html(*column.value) : Tag("span", {{"class", "null"}}, {"NULL"});
    if (column.differs)
      value += Tag("div", {{"class", "fault"}}, {"the events say: " + column.expected.value_or("NULL")});
    rows.push_back({Tag("span", {{"class", "id"}}, {column.name}), value,
                    column.event_id ? EventLink(*column.event_id) : Html(), column.note});
  }
  return PlainTable({"Column", "Value", "Set by", "Note"}, rows, {},
                    {.caption = "Columns", .empty = "There is no row."});
}

Html ExplainedEvents(const apply::Explanation& found) {
  std::vector<std::vector<Html>> rows;
  for (const auto& one : found.events) {
    rows.push_back({EventLink(one.event.id), one.event.type, Badge(apply::Code(one.standing)), Badge(one.event.status),
                    Moment(one.event.created), one.why});
  }
  return PlainTable({"Event", "Type", "Standing", "Status", "Created", "Why"}, rows, {}, {.caption = "Events"});
}

}  // namespace

http::Response EventsPage(const PageCall& call) {
  const auto page = admin::PageKey::Read(call.request, admin::KeyShape::kTimeText);
  if (!page) return FaultPage(call, 400, page.error().detail);
  apply::EventFilter filter{.status = admin::QueryText(call.request, "status"),
                            .reason = admin::QueryText(call.request, "reason"),
                            .object_id = admin::QueryText(call.request, "object_id"),
                            .customer = admin::QueryText(call.request, "customer"),
                            .limit = page->limit + 1,
                            .type = admin::QueryText(call.request, "type")};
  if (page->first) {
    filter.after_received_at = ParseInstant(*page->first);
    filter.after_id = *page->second;
  }
  auto session = call.parts.pool->Acquire();
  auto events = apply::ListEvents(*session, filter);
  std::optional<std::string> next;
  if (static_cast<int64_t>(events.size()) > page->limit) {
    events.pop_back();
    next = FormatInstant(events.back().received_at) + "~" + events.back().id;
  }
  Html body = Waiting(*session);
  body += FilterForm("/events", {Choice("status", "Status", call.Query("status"),
                                        {"received", "applied", "ignored", "parked", "dead"}),
                                 SearchField("reason", "Reason", call.Query("reason"), "unknown_customer"),
                                 SearchField("type", "Type", call.Query("type"), "invoice.paid"),
                                 SearchField("object_id", "Object", call.Query("object_id"), "sub_…"),
                                 SearchField("customer", "Customer", call.Query("customer"), "cus_…")});
  body += EventsTable(call, events);
  body += Pager(call, next);
  return Render(call, {.title = "Events", .section = "events", .body = body});
}

http::Response EventPage(const PageCall& call) {
  auto session = call.parts.pool->Acquire();
  const auto event = apply::FindEvent(*session, call.request.GetPathParam("id"));
  if (!event) return FaultPage(call, 404, "No event with this id is stored.");
  const auto& summary = event->summary;
  Html grid = Card("Event", EventFacts(summary));
  if (summary.reason) grid += Card("Why it is " + summary.status, Why(call, summary));
  grid += Card("Payload",
               call.IsOps() ? Tag("pre", {{"tabindex", "0"}}, {Indented(event->payload)})
                            : Tag("p", {{"class", "empty"}},
                                  {"A payload holds addresses and more: it is shown "
                                   "to the role ops only."}),
               "wide");
  return Render(call, {.title = summary.id, .section = "events", .body = Tag("div", {{"class", "grid"}}, {grid})});
}

http::Response ObjectPage(const PageCall& call) {
  auto session = call.parts.pool->Acquire();
  const std::string& id = call.request.GetPathParam("id");
  const auto found = apply::ExplainObject(*session, id, 50);
  if (!found) return FaultPage(call, 404, "No event about this object is stored, and it has no row.");
  std::vector<std::pair<std::string, Html>> facts = {{"Kind", found->kind},
                                                     {"Table", found->table.empty() ? "none" : found->table},
                                                     {"Row", found->has_row ? "yes" : "not yet"},
                                                     {"Events", std::to_string(found->events_total)},
                                                     {"Waiting", std::to_string(found->events_waiting)}};
  if (found->deleted) facts.emplace_back("At Stripe", Badge("deleted"));
  if (found->needs_refetch) facts.emplace_back("Order", Badge("unsure"));
  if (found->drift) facts.emplace_back("Row and events", Badge("drift"));
  if (found->link)
    facts.emplace_back("User", found->link->user_id ? UserLink(*found->link->user_id, std::nullopt) : Html("nobody"));
  Html state = Facts(facts);
  if (found->link) state += Tag("p", {found->link->why});
  Html grid = Card("Object", state);
  grid += Card("What set each value", ExplainedColumns(*found), "wide");
  Html events = ExplainedEvents(*found);
  if (found->events_left_out > 0) {
    events += Tag("p", {{"class", "empty"}},
                  {std::to_string(found->events_left_out) +
                   " older events of no consequence are left out; billsync explain --all shows them."});
  }
  grid += Card("Its events, newest first", events, "wide");
  return Render(call, {.title = id, .section = "events", .body = Tag("div", {{"class", "grid"}}, {grid})});
}

http::Response PostRetry(const PageCall& call) {
  const std::string reason = FormValue(call.request, "reason");
  const auto ids = FormValues(call.request, "id");
  const auto result = reason.empty() ? call.parts.actions->Retry(call.Asker(), ids)
                                     : call.parts.actions->RetryReason(call.Asker(), reason);
  if (!result.Done())
    return FaultPage(call, result.status, ids.empty() && reason.empty() ? "Select events first." : result.detail);
  const std::string to =
      FormValue(call.request, "back") == "event" && ids.size() == 1 ? "/events/" + UrlEncoded(ids.front()) : "/events";
  return RedirectTo(Url(to, {{"notice", "retried"}, {"n", std::to_string(result.count)}}));
}

}  // namespace billsync::console
