// What every command of the command line shares.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "billsync/admin/audit.h"
#include "billsync/app/config.h"
#include "billsync/db/session.h"

namespace billsync::cli {

// Exit statuses; scripts rely on them.
enum ExitStatus : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,           // wrong usage or configuration
  kNeedsAttention = 3,  // done, but something wants a person: drift, parked events, findings
};

// A failure with its exit status and a message for a person.
class CliError : public std::runtime_error {
 public:
  CliError(ExitStatus status, const std::string& message) : std::runtime_error(message), status_(status) {}
  ExitStatus status() const { return status_; }

 private:
  ExitStatus status_;
};

// Global options and what a command set out to do.
struct Context {
  std::optional<std::string> config_file;
  std::optional<std::string> log_level;
  bool json = false;
  std::function<int()> run;  // set by the command that was named
  // What goes into billing_audit; set beside `run` by commands that do something for somebody. They call BeginAudited
  // before they do it, or record it in the transaction that does it, with AuditEntryOf.
  struct Audited {
    std::string action, target{};
    bool attention_refuses = false;  // exit status 3 means that it was not done
  };
  std::optional<Audited> audited;
  // How far the record is: the row that says it has begun; whether all is said. For the functions below.
  mutable std::optional<int64_t> begun;
  mutable bool recorded = false;

  // The configuration, or a CliError listing every fault. `missing` names what this command cannot do without.
  app::Config Load(const std::function<std::vector<app::ConfigFault>(const app::Config&)>& missing) const;
  // Configuration and one session for a command that only needs the database.
  db::Session Connect(const std::string& role) const;
};

// Who sits at this terminal: "ada@host:4711".
std::string Who();

// Runs the command, and sees to it that one that does something has its end in billing_audit. A command that was used
// wrongly has done nothing and leaves no row.
int RunAudited(const Context& context);

// Records that the command begins to do what it is for: after its arguments were checked, before anything is changed.
// Throws db::Error, and then nothing may be done.
void BeginAudited(const Context& context, db::Session& session);

// The command's row, for the transaction that does it; when that is committed, set context.recorded.
admin::AuditEntry AuditEntryOf(const Context& context, admin::AuditOutcome outcome, const std::string& detail);

// "one two three"
std::string JoinWords(const std::vector<std::string>& words);

// Adds "--json" to a command.
void AddJsonFlag(CLI::App& command, Context& context);

// Each adds one command (with its subcommands) to `app`; its callback sets context.run.
void AddServe(CLI::App& app, Context& context);
void AddMigrate(CLI::App& app, Context& context);
void AddDoctor(CLI::App& app, Context& context);
void AddSend(CLI::App& app, Context& context);
void AddEvents(CLI::App& app, Context& context);
void AddExplain(CLI::App& app, Context& context);
void AddRollup(CLI::App& app, Context& context);
void AddVerify(CLI::App& app, Context& context);
void AddClose(CLI::App& app, Context& context);
void AddAdjust(CLI::App& app, Context& context);
void AddResetQuotas(CLI::App& app, Context& context);
void AddExport(CLI::App& app, Context& context);
void AddJobs(CLI::App& app, Context& context);
void AddCompletion(CLI::App& app, Context& context);
void AddMan(CLI::App& app, Context& context);

}  // namespace billsync::cli
