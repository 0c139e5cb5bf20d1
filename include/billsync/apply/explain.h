// Why an object's row is what it is: which event set each value, and what became of every other event.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "billsync/apply/event_log.h"
#include "billsync/base/instant.h"
#include "billsync/db/session.h"
#include "billsync/stripe/merge.h"

namespace billsync::apply {

// One column of the row.
struct ExplainedColumn {
  std::string name;
  std::optional<std::string> value;     // as PostgreSQL shows it, times in our own form; none for NULL
  std::optional<std::string> event_id;  // the event that set it; none when no event of the object did
  std::string note;                     // what else decides it, in words; may be empty
  bool differs = false;                 // the stored events say `expected` instead
  std::optional<std::string> expected;
};

// What an event is to the row.
enum class Standing {
  kWinner,      // the row shows it
  kOlder,       // it has a place in the order, below the winner
  kUnreadable,  // it should be about the object but cannot be read
  kIgnored,     // it never takes part
  kSetAside,    // older than anything that still matters: it was not ordered anew
};

// winner, older, unreadable, ignored, set_aside.
std::string_view Code(Standing standing);

struct ExplainedEvent {
  EventSummary event;
  Standing standing = Standing::kSetAside;
  std::optional<stripe::OrderRule> rule;  // what put it above the next older one; none without a place
  std::optional<std::string> above;       // the next older one
  std::optional<std::string> lost_to;     // the next newer one
  std::vector<std::string> sets;          // columns of the row that it still sets
  std::string why;                        // all of this as a sentence for a person

  std::string Json() const;
};

// What named a user for a customer.
struct LinkEvidence {
  std::string source, named_user, event_id;
  Instant event_created;
};

// Whose a customer is.
struct ExplainedLink {
  std::optional<std::string> user_id, linked_by;
  std::optional<Instant> linked_at;
  std::string why;  // a sentence for a person
  std::vector<LinkEvidence> evidence;
};

struct Explanation {
  std::string object_id;
  std::string kind;   // subscription, invoice, customer …; "unknown" when no event is of a type we use
  std::string table;  // where its row is kept; empty for a kind that has none
  bool has_row = false;
  bool deleted = false;        // Stripe has removed or ended the object
  bool needs_refetch = false;  // Stripe's API should be asked
  // Columns of the row; without a row what it would show.
  std::vector<ExplainedColumn> columns;
  // Newest first, then those that have no place. Not all of them: see `events_left_out`.
  std::vector<ExplainedEvent> events;
  int64_t events_total = 0;
  int64_t events_left_out = 0;  // events of which no value of the row comes, and which wait for nothing
  int64_t events_waiting = 0;   // received, parked or dead
  // The row is not what the events say although none of them waits.
  bool drift = false;
  std::optional<ExplainedLink> link;  // of a customer

  // For programs: the same, and never anything of a payload that the row does not show.
  std::string Json() const;
};

// Reads everything about one object in one snapshot of the database. At most `limit` events are shown beyond those
// that still set a value; none when neither an event nor a row has this id. An object of any age is read in pieces, so
// memory does not grow with the number of its events (but for events of one second, which are judged together).
std::optional<Explanation> ExplainObject(db::Session& session, const std::string& object_id, int64_t limit);

// Visits, newest first, all events of the object that `shown` leaves out, one at a time.
void ForEachEventLeftOut(db::Session& session, const Explanation& shown,
                         const std::function<void(const ExplainedEvent&)>& visit);

}  // namespace billsync::apply
