#include "billsync/apply/event_log.h"

#include "apply/event_log_sql.h"
#include "billsync/base/json_writer.h"
#include "billsync/billing/event_reason.h"
#include "event_rows.h"

namespace billsync::apply {

EventSummary ReadSummary(const db::Row& row) {
  EventSummary event;
  event.id = row.Text("id");
  event.type = row.Text("type");
  event.status = row.Text("status");
  event.object_id = row.OptText("object_id");
  event.customer = row.OptText("customer");
  event.reason = row.OptText("reason");
  event.detail = row.OptText("detail");
  event.api_version = row.OptText("api_version");
  event.created = row.At("created");
  event.received_at = row.At("received_at");
  event.next_attempt_at = row.At("next_attempt_at");
  event.applied_at = row.OptAt("applied_at");
  event.attempts = row.Int("attempts");
  event.livemode = row.Bool("livemode");
  return event;
}

std::string EventSummary::WayOut() const {
  using billing::ParkReason;
  if (status != "parked" && status != "dead") return {};
  for (const auto one : {ParkReason::kUnknownCustomer, ParkReason::kUnmappedPrice, ParkReason::kMissingExchangeRate,
                         ParkReason::kUnreadableShape, ParkReason::kApplyFailed}) {
    if (reason == Code(one)) return std::string(billing::WayOut(one));
  }
  return {};
}

std::string EventSummary::Json() const {
  JsonObject json;
  json.Add("id", id).Add("type", type).Add("status", status).Add("reason", reason).Add("detail", detail);
  json.Add("object_id", object_id).Add("customer", customer).Add("api_version", api_version);
  json.Add("livemode", livemode).Add("attempts", attempts);
  json.Add("created", FormatInstant(created)).Add("received_at", FormatInstant(received_at));
  json.Add("applied_at", applied_at ? std::optional(FormatInstant(*applied_at)) : std::nullopt);
  if (const auto way_out = WayOut(); !way_out.empty()) {
    json.Add("next_attempt_at", FormatInstant(next_attempt_at)).Add("way_out", way_out);
  }
  return json.Text();
}

std::vector<EventSummary> ListEvents(db::Session& session, const EventFilter& filter) {
  db::Transaction tx(session, {.read_only = true});
  std::vector<EventSummary> events;
  for (const db::Row row : tx.Exec(
           sql::kListEvents, db::Params::Of(filter.status, filter.reason, filter.object_id, filter.customer,
                                            filter.limit, filter.type, filter.after_received_at, filter.after_id))) {
    events.push_back(ReadSummary(row));
  }
  tx.Commit();
  return events;
}

std::optional<StoredEventDetail> FindEvent(db::Session& session, const std::string& id) {
  db::Transaction tx(session, {.read_only = true});
  std::optional<StoredEventDetail> found;
  for (const db::Row row : tx.Exec(sql::kFindEvent, db::Params::Of(id))) {
    found = StoredEventDetail{ReadSummary(row), row.Text("payload")};
  }
  tx.Commit();
  return found;
}

}  // namespace billsync::apply
