#include <algorithm>
#include <iostream>
#include <memory>

#include "billsync/app/job_list.h"
#include "billsync/base/json_writer.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

std::string TimeText(const std::optional<Instant>& at) {
  return at ? FormatInstant(*at).substr(0, 19) + "Z" : "never";
}

std::optional<std::string> OptTime(const std::optional<Instant>& at) {
  return at ? std::optional(FormatInstant(*at)) : std::nullopt;
}

int List(const Context& context) {
  auto session = context.Connect("jobs");
  const auto states = jobs::ListJobs(session);
  Table table({"JOB", "LAST OK", "TOOK", "ROWS", "NEXT DUE", "RUNNING ON", "PROGRESS", "LAST ERROR"});
  for (const auto& s : states) {
    if (context.json) {
      JsonObject job;
      job.Add("job", s.job).Add("next_due_at", FormatInstant(s.next_due_at)).Add("last_ok_at", OptTime(s.last_ok_at));
      job.Add("last_rows", s.last_rows).Add("last_error", s.last_error).Add("lease_owner", s.lease_owner);
      job.Add("progress", s.progress ? std::optional(s.progress->Text()) : std::nullopt);
      std::cout << job.Text() << "\n";
      continue;
    }
    table.AddRow({s.job, TimeText(s.last_ok_at), s.last_seconds ? *s.last_seconds + " s" : "",
                  s.last_rows ? std::to_string(*s.last_rows) : "", TimeText(s.next_due_at), s.lease_owner.value_or(""),
                  s.progress ? s.progress->Text() : "", s.last_error.value_or("")});
  }
  if (!context.json && states.empty()) std::cout << "No job has run yet; `billsync serve` runs them.\n";
  if (!context.json && !states.empty()) table.Print();
  const bool failing = std::ranges::any_of(states, [](const auto& s) { return s.last_error.has_value(); });
  return failing ? kNeedsAttention : kDone;
}

int RunNow(const Context& context, const std::string& name) {
  const auto config = context.Load(app::MissingForDatabase);
  const auto list = app::MakeJobs(config);
  const auto found = std::ranges::find(list, name, &jobs::Job::name);
  if (found == list.end()) {
    std::string known;
    for (const auto& job : list) known += (known.empty() ? "" : ", ") + job.name;
    throw CliError(kUsage, "no job is named '" + name + "'; there are " + known);
  }
  db::Pool pool(app::MakeConnectOptions(config, "jobs"), 2);
  BeginAudited(context, *pool.Acquire());
  const auto outcome = [&] {
    ProgressBar bar;
    return jobs::RunJob(pool, *found, jobs::Trigger::kManual, jobs::ProcessName() + ":cli", SystemNow, bar.Watch());
  }();
  if (!outcome) throw CliError(kFailed, "the job " + name + " is running now, here or on another machine");
  if (context.json) {
    std::cout << JsonObject().Add("job", name).Add("rows", outcome->rows).Add("detail", outcome->detail).Text() << "\n";
  } else {
    std::cout << name << ": " << outcome->rows << " rows (" << outcome->detail << ")\n";
  }
  return kDone;
}

}  // namespace

void AddJobs(CLI::App& app, Context& context) {
  auto* jobs = app.add_subcommand("jobs", "scheduled work: list, run");
  jobs->require_subcommand(1);
  auto* list = jobs->add_subcommand("list", "when each job last ran and is next due (exit 3 if one fails)");
  AddJsonFlag(*list, context);
  list->callback([&context] { context.run = [&context] { return List(context); }; });
  auto* run = jobs->add_subcommand("run", "run a job now, unless it is running");
  const auto name = std::make_shared<std::string>();
  run->add_option("NAME", *name, "rollup, close, quota-reset, entitlement-sweep, retention")->required();
  AddJsonFlag(*run, context);
  run->callback([&context, name] {
    context.audited = {"run", *name};
    context.run = [&context, name] { return RunNow(context, *name); };
  });
}

}  // namespace billsync::cli
