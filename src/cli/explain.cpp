#include "billsync/apply/explain.h"

#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

struct ExplainOptions {
  std::string object_id;
  bool all = false;
};

// Beyond those that set a value: what a screen or two show, and with --all what is judged together.
constexpr int64_t kShown = 50;
constexpr int64_t kShownOfAll = 5000;

std::string Coloured(const apply::ExplainedEvent& event) {
  const std::string& status = event.event.status;
  if (status == "parked" || status == "received") return Warn(status);
  if (status == "dead") return Bad(status);
  return event.standing == apply::Standing::kWinner ? Good(status) : status;
}

std::string SecondOf(Instant at) {
  return FormatInstant(at).substr(0, 19) + "Z";
}

// A value as it fits a table: whole seconds need no fraction.
std::string ShortOf(const std::optional<std::string>& value) {
  constexpr std::string_view kNoFraction = ".000000Z";
  if (!value) return "-";
  return value->ends_with(kNoFraction) ? value->substr(0, value->size() - kNoFraction.size()) + "Z" : *value;
}

std::string Events(int64_t count) {
  return std::to_string(count) + (count == 1 ? " event" : " events");
}

void PrintHead(const apply::Explanation& e) {
  std::cout << e.object_id << "  " << e.kind;
  if (e.deleted) std::cout << ", " << Warn("ended");
  if (e.needs_refetch) std::cout << ", " << Warn("to be asked of Stripe again");
  std::cout << "\n";
  if (e.table.empty()) {
    std::cout << "objects of this kind have no row\n";
  } else {
    std::cout << (e.has_row ? "its row is in " : "no row in ") << e.table << "\n";
  }
  if (e.link) {
    std::cout << "linked to " << e.link->why << "\n";
    for (const auto& one : e.link->evidence) {
      std::cout << "  " << one.source << " named " << one.named_user << " in " << one.event_id << " of "
                << SecondOf(one.event_created) << "\n";
    }
  }
}

void PrintColumns(const apply::Explanation& e) {
  if (e.columns.empty()) return;
  if (!e.has_row) std::cout << "\nwhat its row would show:";
  std::cout << "\n";
  Table table({"COLUMN", "VALUE", "SET BY", "NOTE"});
  for (const auto& column : e.columns) {
    const std::string note = column.differs ? Bad("DRIFT: its events say " + ShortOf(column.expected)) : column.note;
    table.AddRow({column.name, ShortOf(column.value), column.event_id.value_or("-"), note});
  }
  table.Print();
}

void AddEvent(Table& table, const apply::ExplainedEvent& one) {
  table.AddRow({SecondOf(one.event.created), one.event.id, one.event.type, Coloured(one),
                one.rule ? std::string(Code(*one.rule)) : "-", one.why});
}

// With --all the rest is printed in pieces, so that memory does not grow with it.
void PrintEvents(db::Session& session, const apply::Explanation& e, bool all) {
  const std::vector<std::string> header = {"CREATED", "EVENT", "TYPE", "STATUS", "RULE", "WHY"};
  std::cout << "\n" << Events(e.events_total) << ", newest first\n";
  Table table(header);
  for (const auto& one : e.events) AddEvent(table, one);
  if (!table.empty()) table.Print();
  if (e.events_left_out == 0) return;
  if (!all) {
    std::cout << e.events_left_out << " more, of which no value of the row comes: --all shows them\n";
    return;
  }
  constexpr size_t kRows = 1000;
  auto rest = std::make_unique<Table>(header);
  size_t rows = 0;
  apply::ForEachEventLeftOut(session, e, [&](const apply::ExplainedEvent& one) {
    AddEvent(*rest, one);
    if (++rows % kRows != 0) return;
    rest->Print();
    rest = std::make_unique<Table>(header);
  });
  if (!rest->empty()) rest->Print();
}

void PrintVerdict(const apply::Explanation& e) {
  if (e.drift) {
    std::cout
        << "\n"
        << Bad("DRIFT") << ": " << (e.has_row ? "the row is not what its events say" : "its row is missing")
        << ", although all of them are applied: somebody else wrote it, or an older release. To have it made anew:\n"
        << "  UPDATE stripe_events SET status = 'received', next_attempt_at = now() WHERE id = '"
        << e.events.front().event.id << "'\n";
  } else if (e.events_waiting > 0) {
    std::cout << "\n"
              << Events(e.events_waiting) << (e.events_waiting == 1 ? " waits" : " wait")
              << ": the row may change when applied\n";
  }
}

int Explain(const Context& context, const ExplainOptions& options) {
  auto session = context.Connect("explain");
  const auto found = apply::ExplainObject(session, options.object_id, options.all ? kShownOfAll : kShown);
  if (!found) {
    throw CliError(kFailed, "nothing is known of " + options.object_id +
                                ": no event about it is stored, and it has no row. An id is what Stripe calls an "
                                "object (sub_…, in_…, cus_…); for an event: billsync events show");
  }
  if (context.json) {
    std::cout << found->Json() << "\n";
    if (options.all) {
      apply::ForEachEventLeftOut(session, *found,
                                 [](const apply::ExplainedEvent& one) { std::cout << one.Json() << "\n"; });
    }
  } else {
    PrintHead(*found);
    PrintColumns(*found);
    PrintEvents(session, *found, options.all);
    PrintVerdict(*found);
  }
  return found->drift ? kNeedsAttention : kDone;
}

}  // namespace

void AddExplain(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "explain",
      "which events set each value of an object's row, and why the others did not (exit 3 if the row is not "
      "what its events say)");
  const auto options = std::make_shared<ExplainOptions>();
  command->add_option("OBJECT_ID", options->object_id, "a Stripe object: sub_…, in_…, cus_… and the like")->required();
  command->add_flag("--all", options->all, "every event, however old; with --json the rest follows, one a line");
  AddJsonFlag(*command, context);
  command->callback([&context, options] { context.run = [&context, options] { return Explain(context, *options); }; });
}

}  // namespace billsync::cli
