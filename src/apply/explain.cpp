#include "billsync/apply/explain.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "apply/customers_sql.h"
#include "apply/explain_sql.h"
#include "event_rows.h"
#include "explanation.h"

namespace billsync::apply {
namespace {

using stripe::EventUse;

// Events read at once: their payloads are all that is held of an object of any age, twice.
constexpr int64_t kPiece = 1000;

// 9999-12-31: after any event.
constexpr Instant kEndOfTime{std::chrono::seconds(253402300799)};

struct Table {
  const char* name;
  const db::Query* read_row;
};

// Where the rows of a kind are; none for kinds without.
std::optional<Table> TableOf(EventUse use) {
  switch (use) {
    case EventUse::kSubscription:
      return Table{"billing_subscriptions", &sql::kExplainSubscriptionRow};
    case EventUse::kInvoice:
      return Table{"billing_invoices", &sql::kExplainInvoiceRow};
    case EventUse::kCustomer:
      return Table{"billing_customers", &sql::kExplainCustomerRow};
    case EventUse::kPrice:
      return Table{"billing_prices", &sql::kExplainPriceRow};
    case EventUse::kProduct:
      return Table{"billing_products", &sql::kExplainProductRow};
    case EventUse::kSchedule:
      return Table{"billing_subscription_schedules", &sql::kExplainScheduleRow};
    case EventUse::kCharge:
    case EventUse::kPaymentIntent:
    case EventUse::kInvoicePayment:
      return Table{"billing_payments", &sql::kExplainPaymentRow};
    case EventUse::kRefund:
      return Table{"billing_refunds", &sql::kExplainRefundRow};
    case EventUse::kCreditNote:
      return Table{"billing_credit_notes", &sql::kExplainCreditNoteRow};
    case EventUse::kDiscount:
      return Table{"billing_discounts", &sql::kExplainDiscountRow};
    case EventUse::kActiveEntitlements:
      return Table{"billing_customer_features", &sql::kExplainFeaturesRow};
    case EventUse::kCheckoutSession:
    case EventUse::kIgnored:
      return std::nullopt;
  }
  throw std::logic_error("unknown EventUse");
}

// What an id without any event may be: a row can be older than billsync, and a customer known from others' events.
EventUse GuessUse(const std::string& object_id) {
  if (object_id.starts_with("cus_")) return EventUse::kCustomer;
  if (object_id.starts_with("in_")) return EventUse::kInvoice;
  if (object_id.starts_with("sub_") && !object_id.starts_with("sub_sched_")) return EventUse::kSubscription;
  return EventUse::kIgnored;
}

// The events of one object that a fold of it needs, read oldest first in pieces that are cut between seconds. What no
// later event can make matter again is let go of; the newest piece or two stay whole.
class History {
 public:
  History(db::Transaction& tx, const std::string& object_id) : tx_(tx), object_id_(object_id) {}

  void Read() {
    std::vector<stripe::StoredEvent> piece;
    while (ReadPiece(piece)) {
      // The last second may go on in the next piece.
      const auto cut = std::ranges::find_if(
          piece, [&](const auto& one) { return UnixSeconds(one.created) == UnixSeconds(piece.back().created); });
      if (cut == piece.begin()) continue;
      std::vector<stripe::StoredEvent> rest(std::make_move_iterator(cut), std::make_move_iterator(piece.end()));
      piece.erase(cut, piece.end());
      LetGo();
      Append(piece, recent_);
      piece = std::move(rest);
    }
    Append(piece, recent_);
    Append(recent_, kept_);
  }

  EventUse use() const { return use_; }
  const std::vector<stripe::StoredEvent>& events() const { return kept_; }

 private:
  // Adds up to kPiece events to `piece`; false when these were the last.
  bool ReadPiece(std::vector<stripe::StoredEvent>& piece) {
    const auto rows = tx_.Exec(sql::kReadEventsAfter, db::Params::Of(object_id_, after_, after_id_, kPiece));
    for (const db::Row row : rows) {
      // The first event of a type we use says what the object is.
      if (use_ == EventUse::kIgnored) use_ = stripe::UseOf(row.View("type"), row.View("object_type"));
      piece.push_back({row.Text("id"), row.Text("type"), row.At("created"), row.Text("payload")});
      after_ = row.At("created");
      after_id_ = row.Text("id");
    }
    return rows.size() == kPiece;
  }

  // Moves what matters of the recent events to the kept ones.
  void LetGo() {
    Append(recent_, kept_);
    const auto essential = stripe::EssentialEvents(use_, kept_);
    const std::set<std::string> ids(essential.begin(), essential.end());
    std::erase_if(kept_, [&](const auto& one) { return !ids.contains(one.id); });
  }

  static void Append(std::vector<stripe::StoredEvent>& from, std::vector<stripe::StoredEvent>& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  }

  db::Transaction& tx_;
  const std::string& object_id_;
  EventUse use_ = EventUse::kIgnored;
  std::vector<stripe::StoredEvent> kept_, recent_;
  Instant after_{};  // 1970: before any event
  std::string after_id_;
};

std::optional<StoredRow> ReadRow(db::Transaction& tx, const Table& table, const std::string& key) {
  StoredRow row;
  for (const db::Row column : tx.Exec(*table.read_row, db::Params::Of(key))) {
    row.emplace_back(column.Text("name"), column.OptText("value"));
  }
  return row.empty() ? std::nullopt : std::optional(std::move(row));
}

// Which events to show: those that set a value, and beyond them what waits and what is newest, `limit` at most.
std::vector<std::string> Choose(db::Transaction& tx, const std::string& object_id, const FoldView& view,
                                int64_t limit) {
  const auto setting = SettingEvents(view);
  std::set<std::string> chosen(setting.begin(), setting.end());
  const size_t most = chosen.size() + static_cast<size_t>(limit);
  const auto add = [&](const std::string& id) {
    if (chosen.size() < most) chosen.insert(id);
  };
  const auto add_statuses = [&](const std::vector<std::string>& statuses) {
    for (const db::Row row : tx.Exec(sql::kNewestOfStatuses, db::Params::Of(object_id, statuses, limit))) {
      add(row.Text("id"));
    }
  };
  add_statuses({"received", "parked", "dead"});
  for (auto at = view.order.rbegin(); at != view.order.rend(); ++at) add(at->event_id);
  add_statuses({"applied", "ignored"});
  return {chosen.begin(), chosen.end()};
}

std::optional<ExplainedLink> ReadLink(db::Transaction& tx, const std::string& customer) {
  const auto rows = tx.Exec(sql::kReadLink, db::Params::Of(customer));
  if (rows.empty()) return std::nullopt;
  const db::Row row = rows.Only();
  ExplainedLink link;
  link.user_id = row.OptText("user_id");
  link.linked_by = row.OptText("linked_by");
  link.linked_at = row.OptAt("linked_at");
  for (const db::Row one : tx.Exec(sql::kReadEvidence, db::Params::Of(std::vector{customer}))) {
    link.evidence.push_back(
        {one.Text("source"), one.Text("named_user"), one.Text("event_id"), one.At("event_created")});
  }
  std::ranges::sort(link.evidence, {}, [](const LinkEvidence& e) {
    return std::tuple(e.source != "metadata", e.event_created, e.event_id);
  });
  link.why = DescribeLink(link);
  return link;
}

// A summary of entitlements is stored under a made-up id; its row under the customer's.
std::string RowKey(EventUse use, const std::string& object_id) {
  return use == EventUse::kActiveEntitlements ? object_id.substr(stripe::EntitlementsObjectId("").size()) : object_id;
}

}  // namespace

std::optional<Explanation> ExplainObject(db::Session& session, const std::string& object_id, int64_t limit) {
  db::Transaction tx(session, {.read_only = true, .snapshot = true});
  ObjectFacts facts;
  facts.object_id = object_id;
  const auto counts = tx.Exec(sql::kCountEventsOfObject, db::Params::Of(object_id));
  facts.events_total = counts.Only().Int("events");
  facts.events_waiting = counts.Only().Int("waiting");
  History history(tx, object_id);
  history.Read();
  facts.use = history.use() == EventUse::kIgnored ? GuessUse(object_id) : history.use();
  if (const auto table = TableOf(facts.use)) {
    facts.table = table->name;
    facts.row = ReadRow(tx, *table, RowKey(facts.use, object_id));
  }
  if (facts.events_total == 0 && !facts.row) return std::nullopt;
  facts.view = ViewOf(facts.use, history.events());
  const auto ids = Choose(tx, object_id, facts.view, limit);
  for (const db::Row row : tx.Exec(sql::kFindEventsOfObject, db::Params::Of(object_id, ids))) {
    facts.events.push_back(ReadSummary(row));
  }
  Explanation explanation = Explain(facts);
  if (facts.use == EventUse::kCustomer) explanation.link = ReadLink(tx, object_id);
  tx.Commit();
  return explanation;
}

void ForEachEventLeftOut(db::Session& session, const Explanation& shown,
                         const std::function<void(const ExplainedEvent&)>& visit) {
  std::set<std::string> ids;
  for (const auto& one : shown.events) ids.insert(one.event.id);
  db::Transaction tx(session, {.read_only = true, .snapshot = true});
  Instant before = kEndOfTime;
  std::string before_id;
  for (bool more = true; more;) {
    const auto rows = tx.Exec(sql::kReadEventsBefore, db::Params::Of(shown.object_id, before, before_id, kPiece));
    for (const db::Row row : rows) {
      const EventSummary event = ReadSummary(row);
      before = event.created;
      before_id = event.id;
      if (!ids.contains(event.id)) visit(ExplainAlone(event));
    }
    more = rows.size() == kPiece;
  }
  tx.Commit();
}

}  // namespace billsync::apply
