#include "billsync/apply/explain.h"
#include "billsync/base/json_writer.h"

namespace billsync::apply {
namespace {

std::string ColumnJson(const ExplainedColumn& column) {
  JsonObject json;
  json.Add("column", column.name).Add("value", column.value).Add("event_id", column.event_id);
  if (!column.note.empty()) json.Add("note", column.note);
  if (column.differs) json.Add("expected", column.expected);
  return json.Text();
}

std::string LinkJson(const ExplainedLink& link) {
  JsonArray evidence;
  for (const auto& one : link.evidence) {
    evidence.AddRaw(JsonObject()
                        .Add("source", one.source)
                        .Add("named_user", one.named_user)
                        .Add("event_id", one.event_id)
                        .Add("event_created", FormatInstant(one.event_created))
                        .Text());
  }
  JsonObject json;
  json.Add("user_id", link.user_id).Add("linked_by", link.linked_by);
  json.Add("linked_at", link.linked_at ? std::optional(FormatInstant(*link.linked_at)) : std::nullopt);
  json.Add("why", link.why).AddRaw("evidence", evidence.Text());
  return json.Text();
}

}  // namespace

std::string ExplainedEvent::Json() const {
  JsonArray columns;
  for (const auto& column : sets) columns.AddRaw(JsonQuote(column));
  JsonObject json;
  json.AddRaw("event", event.Json()).Add("standing", Code(standing));
  json.Add("rule", rule ? std::optional(std::string(Code(*rule))) : std::nullopt);
  json.Add("above", above).Add("lost_to", lost_to).AddRaw("sets", columns.Text()).Add("why", why);
  return json.Text();
}

std::string Explanation::Json() const {
  JsonArray column_list, event_list;
  for (const auto& column : columns) column_list.AddRaw(ColumnJson(column));
  for (const auto& event : events) event_list.AddRaw(event.Json());
  JsonObject json;
  json.Add("object_id", object_id).Add("kind", kind);
  json.Add("table", table.empty() ? std::nullopt : std::optional(table)).Add("row", has_row);
  json.Add("deleted", deleted).Add("needs_refetch", needs_refetch).Add("drift", drift);
  if (link) json.AddRaw("link", LinkJson(*link));
  json.AddRaw("columns", column_list.Text()).AddRaw("events", event_list.Text());
  json.Add("events_total", events_total).Add("events_left_out", events_left_out);
  json.Add("events_waiting", events_waiting);
  return json.Text();
}

}  // namespace billsync::apply
