#include <algorithm>
#include <deque>
#include <future>
#include <iostream>
#include <memory>

#include "billsync/app/job_list.h"
#include "billsync/apply/applier.h"
#include "billsync/apply/event_log.h"
#include "billsync/base/json_writer.h"
#include "billsync/webhook/endpoint.h"
#include "context.h"
#include "event_file.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

std::string Coloured(const std::string& status) {
  if (status == "applied") return Good(status);
  if (status == "parked") return Warn(status);
  if (status == "dead") return Bad(status);
  return status;
}

int List(const Context& context, const apply::EventFilter& filter) {
  auto session = context.Connect("events");
  const auto events = apply::ListEvents(session, filter);
  if (context.json) {
    for (const auto& event : events) std::cout << event.Json() << "\n";
    return kDone;
  }
  Table table({"RECEIVED", "EVENT", "TYPE", "OBJECT", "STATUS", "REASON"});
  for (const auto& event : events) {
    table.AddRow({FormatInstant(event.received_at).substr(0, 19) + "Z", event.id, event.type,
                  event.object_id.value_or("-"), Coloured(event.status), event.reason.value_or("")});
  }
  table.Print();
  return kDone;
}

int Show(const Context& context, const std::string& id) {
  auto session = context.Connect("events");
  const auto event = apply::FindEvent(session, id);
  if (!event) throw CliError(kFailed, "no event " + id + " is stored; `billsync events list` shows what is");
  const auto& s = event->summary;
  if (context.json) {
    std::cout << JsonObject().AddRaw("event", s.Json()).Add("payload", event->payload).Text() << "\n";
    return kDone;
  }
  std::cout << s.id << "  " << s.type << "\n  status    " << Coloured(s.status);
  if (s.reason) std::cout << ": " << *s.reason;
  if (s.detail && !s.detail->empty()) std::cout << " (" << *s.detail << ")";
  std::cout << "\n  attempts  " << s.attempts << "\n  object    " << s.object_id.value_or("-") << "\n  customer  "
            << s.customer.value_or("-") << "\n  created   " << FormatInstant(s.created) << "\n  received  "
            << FormatInstant(s.received_at) << "\n";
  if (s.applied_at) std::cout << "  applied   " << FormatInstant(*s.applied_at) << "\n";
  if (const auto way_out = s.WayOut(); !way_out.empty()) {
    std::cout << "  way out   " << way_out << "\n  next try  " << FormatInstant(s.next_attempt_at) << "\n";
  }
  std::cout << event->payload << "\n";
  return kDone;
}

// Applies all that is due now; for commands that run beside or without `serve`.
size_t ApplyNow(const app::Config& config) {
  db::Pool pool(app::MakeConnectOptions(config, "events"), 2);
  apply::Applier applier(pool, app::MakeApplyOptions(config), SystemNow);
  try {
    return applier.ApplyAllDue();
  } catch (const apply::PlanMapSuperseded& e) {
    throw CliError(kFailed, std::string(e.what()) + ". Nothing is lost: a running serve applies what is due");
  }
}

bool IsWaiting(const std::string& status) {
  return status == "parked" || status == "dead";
}

// Events that are parked or dead: of those named, or of all.
int64_t CountWaiting(db::Session& session, const std::vector<std::string>& ids) {
  if (!ids.empty()) {
    return std::ranges::count_if(ids, [&](const std::string& id) {
      const auto event = apply::FindEvent(session, id);
      return event && IsWaiting(event->summary.status);
    });
  }
  int64_t waiting = 0;
  for (const auto& [key, number] : apply::CountEvents(session).by_status_reason) {
    if (IsWaiting(key.first)) waiting += number;
  }
  return waiting;
}

// `ids`: what the command was about; empty: all events.
int Report(const Context& context, const std::string& what, int64_t count, const std::vector<std::string>& ids) {
  auto session = context.Connect("events");
  const int64_t waiting = CountWaiting(session, ids);
  if (context.json) {
    std::cout << JsonObject().Add(what, count).Add("parked_or_dead", waiting).Text() << "\n";
  } else {
    std::cout << count << " events " << what << "; " << waiting << (ids.empty() ? "" : " of them")
              << " are parked or dead" << (waiting > 0 ? ": billsync events list --status parked" : "") << "\n";
  }
  return waiting > 0 ? kNeedsAttention : kDone;
}

// Why nothing can be retried, of the first of the events.
std::string WhyNotRetried(db::Session& session, const std::string& id) {
  const auto event = apply::FindEvent(session, id);
  if (!event) return "no event " + id + " is stored";
  std::string why = "none of these events is parked or dead: " + id + " is " + event->summary.status;
  if (event->summary.status != "ignored") return why;
  return why + " (" + event->summary.reason.value_or("") +
         "). An ignored event changes no row, so there is nothing to try again; one whose type a newer release reads "
         "is " +
         "applied by itself when that release's serve has started";
}

int Retry(const Context& context, const std::vector<std::string>& ids) {
  const auto config = context.Load(app::MissingForDatabase);
  int64_t count = 0;
  {
    auto session = context.Connect("events");
    db::Transaction tx(session);
    count = apply::RetryEvents(tx, ids);
    if (count > 0 || ids.empty()) {
      admin::RecordAudit(tx, AuditEntryOf(context, admin::AuditOutcome::kDone, std::to_string(count) + " events"));
    }
    tx.Commit();
    context.recorded = count > 0 || ids.empty();
    if (!context.recorded) throw CliError(kFailed, WhyNotRetried(session, ids.front()));
  }
  ApplyNow(config);
  return Report(context, "retried", count, ids);
}

// Counts the events of the files. Throws CliError when one of them cannot be read, before anything is stored.
int64_t CheckFiles(const std::vector<std::string>& files) {
  int64_t total = 0;
  for (const auto& path : files) {
    int64_t number = 0;
    ForEachEvent(path, [&](const std::string& event) {
      ++number;
      const auto envelope = stripe::ReadEnvelope(event);
      if (envelope) return;
      throw CliError(kUsage, path + ": event " + std::to_string(number) + " is not a Stripe event (" +
                                 std::string(Code(envelope.error())) +
                                 "); a file holds one event, an array of events, or one a line");
    });
    total += number;
  }
  return total;
}

int Replay(const Context& context, const std::vector<std::string>& files) {
  const auto config = context.Load(app::MissingForDatabase);
  const int64_t total = CheckFiles(files);
  {
    auto session = context.Connect("events");
    BeginAudited(context, session);
  }
  const auto livemode =
      config.livemode == app::Livemode::kAny ? std::nullopt : std::optional(config.livemode == app::Livemode::kLive);
  webhook::Inbox inbox(app::MakeConnectOptions(config, "replay"), {.writers = 1, .patience = std::chrono::seconds(60)},
                       [] {});
  std::deque<std::future<webhook::StoreOutcome>> outcomes;
  int64_t stored = 0;
  ProgressBar progress("storing");
  const auto settle_oldest = [&] {
    const auto outcome = outcomes.front().get();
    outcomes.pop_front();
    if (outcome == webhook::StoreOutcome::kUnavailable || outcome == webhook::StoreOutcome::kOverloaded) {
      throw CliError(kFailed,
                     "the database did not take every event; run the same command again, nothing is stored twice");
    }
    progress.Update(++stored, total);
  };
  const auto submit = [&](std::string event) {
    if (outcomes.size() >= 1000) settle_oldest();
    auto envelope = stripe::ReadEnvelope(event).value();
    const auto ignored = webhook::IgnoreReasonOf(envelope, livemode);
    auto promise = std::make_shared<std::promise<webhook::StoreOutcome>>();
    outcomes.push_back(promise->get_future());
    inbox.Submit({std::move(envelope), std::move(event), ignored},
                 [promise](webhook::StoreOutcome outcome) { promise->set_value(outcome); });
  };
  for (const auto& file : files) ForEachEvent(file, submit);
  while (!outcomes.empty()) settle_oldest();
  ApplyNow(config);
  return Report(context, "replayed", stored, {});
}

}  // namespace

void AddEvents(CLI::App& app, Context& context) {
  auto* events = app.add_subcommand("events", "the stored Stripe events: list, show, retry, replay");
  events->require_subcommand(1);

  auto* list = events->add_subcommand("list", "newest first");
  const auto filter = std::make_shared<apply::EventFilter>();
  list->add_option("--status", filter->status, "received, applied, ignored, parked or dead")
      ->check(CLI::IsMember({"received", "applied", "ignored", "parked", "dead"}));
  list->add_option("--reason", filter->reason, "such as unknown_customer");
  list->add_option("--object", filter->object_id, "a Stripe object, such as sub_…");
  list->add_option("--customer", filter->customer, "a Stripe customer, cus_…");
  list->add_option("--limit", filter->limit, "rows at most")->check(CLI::Range(1, 100000))->capture_default_str();
  AddJsonFlag(*list, context);
  list->callback([&context, filter] { context.run = [&context, filter] { return List(context, *filter); }; });

  auto* show = events->add_subcommand("show", "one event with its payload, and why it is parked");
  const auto id = std::make_shared<std::string>();
  show->add_option("ID", *id, "evt_…")->required();
  AddJsonFlag(*show, context);
  show->callback([&context, id] { context.run = [&context, id] { return Show(context, *id); }; });

  auto* retry =
      events->add_subcommand("retry", "apply parked and dead events again (exit 3 if any of them stay parked)");
  const auto ids = std::make_shared<std::vector<std::string>>();
  retry->add_option("ID", *ids, "only these; without any, all of them");
  AddJsonFlag(*retry, context);
  retry->callback([&context, ids] {
    context.audited = {"retry", ids->empty() ? "all parked and dead events" : JoinWords(*ids)};
    context.run = [&context, ids] { return Retry(context, *ids); };
  });

  auto* replay = events->add_subcommand("replay", "store and apply the events of files (one, an array, or one a line)");
  const auto files = std::make_shared<std::vector<std::string>>();
  replay->add_option("FILE", *files, "files of events")->required()->check(CLI::ExistingFile);
  AddJsonFlag(*replay, context);
  replay->callback([&context, files] {
    context.audited = {"replay", JoinWords(*files)};
    context.run = [&context, files] { return Replay(context, *files); };
  });
}

}  // namespace billsync::cli
