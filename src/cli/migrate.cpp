#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "billsync/db/migrator.h"
#include "billsync/usage/rollup.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

int Check(const Context& context) {
  auto session = context.Connect("migrate");
  const auto pending = db::PendingMigrations(session);
  if (context.json) {
    JsonArray list;
    for (const auto& one : pending) list.AddRaw(JsonObject().Add("name", one.name).Add("note", one.note).Text());
    std::cout << JsonObject().AddRaw("pending", list.Text()).Text() << "\n";
  } else if (pending.empty()) {
    std::cout << "The schema is current.\n";
  } else {
    std::cout << "Pending; run `billsync migrate`:\n";
    for (const auto& one : pending) {
      std::cout << "  " << one.name << "\n";
      if (!one.note.empty()) std::cout << "      note: " << one.note << "\n";
    }
  }
  return pending.empty() ? kDone : kNeedsAttention;
}

// Months of history that were there before changes of runs were counted. Whatever stops this, rollup and serve go on.
int64_t FillHistory(db::Session& session) {
  ProgressBar bar;
  return usage::FillHistory(session, SystemNow, bar.Watch());
}

int Migrate(const Context& context) {
  auto session = context.Connect("migrate");
  const auto report = db::Migrate(session, [&](const std::string& name) {
    if (!context.json) std::cout << "applying " << name << " …" << std::endl;
  });
  const int64_t filled = FillHistory(session);
  if (context.json) {
    JsonArray applied, warnings;
    for (const auto& one : report.applied) applied.AddRaw(JsonQuote(one.name));
    for (const auto& warning : report.warnings) warnings.AddRaw(JsonQuote(warning));
    std::cout << JsonObject()
                     .AddRaw("applied", applied.Text())
                     .AddRaw("warnings", warnings.Text())
                     .Add("months_filled", filled)
                     .Text()
              << "\n";
  } else {
    for (const auto& warning : report.warnings) std::cout << Warn(warning) << "\n";
    if (filled > 0) std::cout << "usage of " << filled << " months of history taken in\n";
    std::cout << (report.applied.empty() ? "The schema was current; nothing to do.\n" : "The schema is current.\n");
  }
  return report.warnings.empty() ? kDone : kNeedsAttention;
}

}  // namespace

void AddMigrate(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("migrate", "create or upgrade the schema; never drops or rewrites platform data");
  const auto check = std::make_shared<bool>(false);
  command->add_flag("--check", *check, "only say what is pending (exit 3 if anything is)");
  AddJsonFlag(*command, context);
  command->callback(
      [&context, check] { context.run = [&context, check] { return *check ? Check(context) : Migrate(context); }; });
}

}  // namespace billsync::cli
