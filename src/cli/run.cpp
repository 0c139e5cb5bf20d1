#include "billsync/cli/run.h"

#include <csignal>
#include <iostream>

#include "billsync/base/log.h"
#include "billsync/base/version.h"
#include "context.h"

namespace billsync::cli {
namespace {

std::string FaultList(const std::vector<app::ConfigFault>& faults) {
  std::string text = faults.size() == 1 ? "one fault in the configuration:" : "faults in the configuration:";
  for (const auto& fault : faults) text += "\n  " + fault.key + " " + fault.reason;
  return text;
}

int RunCommand(int argc, char** argv) {
  Context context;
  CLI::App app("Keeps a PostgreSQL platform database and Stripe in step.", "billsync");
  app.set_version_flag("--version", std::string("billsync ") + ProgramVersion());
  app.add_option("--config", context.config_file, "configuration file (TOML); see config/billsync.toml")
      ->envname("BILLSYNC_CONFIG")
      ->check(CLI::ExistingFile);
  app.add_option("--log-level", context.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  app.require_subcommand(1);
  app.fallthrough();  // --config and --log-level may also stand behind the command
  AddServe(app, context);
  AddMigrate(app, context);
  AddDoctor(app, context);
  AddSend(app, context);
  AddEvents(app, context);
  AddExplain(app, context);
  AddRollup(app, context);
  AddVerify(app, context);
  AddClose(app, context);
  AddAdjust(app, context);
  AddResetQuotas(app, context);
  AddExport(app, context);
  AddJobs(app, context);
  AddCompletion(app, context);
  AddMan(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kDone : kUsage;
  }
  const int status = RunAudited(context);
  std::cout.flush();
  if (!std::cout) throw CliError(kFailed, "standard output could not be written: disk full, or the reader went away");
  return status;
}

}  // namespace

app::Config Context::Load(const std::function<std::vector<app::ConfigFault>(const app::Config&)>& missing) const {
  auto config = app::LoadConfig(config_file, app::ProcessEnvironment);
  if (!config) throw CliError(kUsage, FaultList(config.error()));
  if (const auto faults = missing(*config); !faults.empty()) throw CliError(kUsage, FaultList(faults));
  if (log_level == "debug") config->log_level = LogLevel::kDebug;
  if (log_level == "info") config->log_level = LogLevel::kInfo;
  if (log_level == "warning") config->log_level = LogLevel::kWarning;
  if (log_level == "error") config->log_level = LogLevel::kError;
  SetLogLevel(config->log_level);
  return *config;
}

db::Session Context::Connect(const std::string& role) const {
  const app::Config config = Load(app::MissingForDatabase);
  return db::Session({.url = config.database_url, .role = role, .statement_timeout = config.statement_timeout});
}

void AddJsonFlag(CLI::App& command, Context& context) {
  command.add_flag("--json", context.json, "print JSON for programs");
}

int Run(int argc, char** argv) {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));  // a closed pipe or socket is an error to report, not a death
  try {
    return RunCommand(argc, argv);
  } catch (const CliError& e) {
    std::cerr << "billsync: " << e.what() << "\n";
    return e.status();
  } catch (const db::Transient& e) {
    std::cerr << "billsync: the database cannot be reached or is busy: " << e.what() << "\n";
    return kFailed;
  } catch (const db::Bug& e) {
    std::cerr << "billsync: the database refused: " << e.what() << "\n  `billsync doctor` may know why\n";
    return kFailed;
  } catch (const std::exception& e) {
    std::cerr << "billsync: " << e.what() << "\n";
    return kFailed;
  }
}

}  // namespace billsync::cli
