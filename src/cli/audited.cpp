#include <cstdlib>
#include <string>

#include "billsync/admin/audit.h"
#include "billsync/jobs/scheduler.h"
#include "context.h"

namespace billsync::cli {
namespace {

using admin::AuditOutcome;

void Record(const Context& context, AuditOutcome outcome, const std::string& detail) {
  auto session = context.Connect("audit");
  if (context.begun) {
    admin::EndAudit(session, *context.begun, outcome, detail.empty() ? std::nullopt : std::optional(detail));
  } else {
    admin::RecordAudit(session, AuditEntryOf(context, outcome, detail));
  }
}

// Whatever hindered the command may hinder this too: its own error is the one to tell.
void TryToRecord(const Context& context, AuditOutcome outcome, const std::string& detail) {
  if (context.recorded) return;
  try {
    Record(context, outcome, detail);
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace

std::string Who() {
  const char* user = std::getenv("USER");
  return std::string(user == nullptr || *user == '\0' ? "somebody" : user) + "@" + jobs::ProcessName();
}

std::string JoinWords(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

admin::AuditEntry AuditEntryOf(const Context& context, AuditOutcome outcome, const std::string& detail) {
  return {.actor = Who(),
          .role = "cli",
          .action = context.audited->action,
          .target = context.audited->target,
          .origin = "command line",
          .outcome = outcome,
          .detail = detail.empty() ? std::nullopt : std::optional(detail)};
}

void BeginAudited(const Context& context, db::Session& session) {
  context.begun = admin::RecordAudit(session, AuditEntryOf(context, AuditOutcome::kBegun, ""));
}

int RunAudited(const Context& context) {
  if (!context.audited) return context.run();
  int status = kFailed;
  try {
    status = context.run();
  } catch (const CliError& e) {
    if (e.status() != kUsage || context.begun) TryToRecord(context, AuditOutcome::kRefused, e.what());
    throw;
  } catch (const db::InDoubt&) {
    // What is recorded in the transaction that does it has its row if it was done.
    if (context.begun) TryToRecord(context, AuditOutcome::kFailed, "it broke off");
    throw;
  } catch (const std::exception&) {
    TryToRecord(context, AuditOutcome::kFailed, "it broke off");  // what a database says may hold a value
    throw;
  }
  if (context.recorded) return status;
  switch (status) {
    case kDone:
      Record(context, AuditOutcome::kDone, "");
      break;
    case kNeedsAttention:
      Record(context, context.audited->attention_refuses ? AuditOutcome::kRefused : AuditOutcome::kDone,
             "something needs attention");
      break;
    default:
      Record(context, AuditOutcome::kRefused, "");
  }
  return status;
}

}  // namespace billsync::cli
