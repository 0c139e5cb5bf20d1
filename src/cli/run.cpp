#include "billsync/cli/run.h"

#include <poll.h>
#include <unistd.h>

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

// The word nobody knows, if there is one and CLI11 would say something else: that a command is missing, or how to use
// what was written before it. Empty: there is none.
std::string UnknownWord(const CLI::App& app, const CLI::ParseError& error) {
  const auto left = app.remaining(true);
  const bool hides = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) ||
                     dynamic_cast<const CLI::CallForHelp*>(&error) != nullptr;
  if (left.empty() || !hides) return {};
  const CLI::App* last = &app;
  std::string path = "billsync";
  for (auto named = last->get_subcommands(); !named.empty(); named = last->get_subcommands()) {
    last = named.front();
    path += " " + last->get_name();
  }
  const bool has_commands = !last->get_subcommands([](const CLI::App*) { return true; }).empty();
  const std::string kind = left.front().starts_with('-') ? "option" : has_commands ? "command" : "argument";
  return "unknown " + kind + " '" + left.front() + "'; see: " + path + " --help";
}

// What a database lacks that was never migrated, or by an earlier release: every statement fits the current schema.
bool IsSchemaMissing(const db::Bug& error) {
  const std::string& state = error.sqlstate();
  return state == "42P01" || state == "42703" || state == "42883";  // undefined table, column, function
}

// Of a pipe: `billsync explain … | head` has what it wanted, and nobody is there to complain to.
bool ReaderWentAway() {
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
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
    if (const auto unknown = UnknownWord(app, e); !unknown.empty()) throw CliError(kUsage, unknown);
    return app.exit(e) == 0 ? kDone : kUsage;
  }
  const int status = RunAudited(context);
  std::cout.flush();
  if (std::cout) return status;
  if (ReaderWentAway()) return kFailed;
  throw CliError(kFailed, "standard output could not be written; is the disk full?");
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
    if (IsSchemaMissing(e)) {
      std::cerr << "billsync: the database schema is missing or not current; run: billsync migrate\n";
      return kFailed;
    }
    std::cerr << "billsync: the database refused: " << e.what() << "\n  `billsync doctor` may know why\n";
    return kFailed;
  } catch (const std::exception& e) {
    std::cerr << "billsync: " << e.what() << "\n";
    return kFailed;
  }
}

}  // namespace billsync::cli
