#include <algorithm>
#include <iostream>
#include <memory>

#include "billsync/base/instant.h"
#include "billsync/base/json_writer.h"
#include "billsync/usage/quota_reset.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

void PrintTable(const std::vector<usage::QuotaReset>& resets) {
  Table table({"USER", "PERIOD FROM", "RUNS BEFORE", "RUNS NOW", "WAS DUE", "NEXT", "MONTHS"});
  for (const auto& reset : resets) {
    table.AddRow({reset.email, reset.period_start, std::to_string(reset.previous_used), std::to_string(reset.used),
                  reset.previous_reset_date.value_or("never set"), reset.next_reset_date,
                  std::to_string(reset.months)});
  }
  table.Print();
}

// One document, written as the resets happen: a million of them are not kept, and what was done is told if it breaks
// off.
class JsonDocument {
 public:
  explicit JsonDocument(bool dry_run) {
    std::cout << R"({"dry_run":)" << (dry_run ? "true" : "false") << R"(,"resets":[)";
  }
  void Add(const std::vector<usage::QuotaReset>& resets) {
    for (const auto& reset : resets) {
      JsonObject one;
      one.Add("user_id", reset.user_id).Add("email", reset.email).Add("period_start", reset.period_start);
      one.Add("previous_used", reset.previous_used).Add("used", reset.used);
      one.Add("previous_reset_date", reset.previous_reset_date).Add("next_reset_date", reset.next_reset_date);
      std::cout << (first_ ? "" : ",") << one.Add("months", reset.months).Text();
      first_ = false;
    }
  }
  void End() { std::cout << "]}\n"; }

 private:
  bool first_ = true;
};

void Reset(db::Session& session, const std::optional<std::string>& as_of, const usage::QuotaResetBatch& on_batch) {
  ProgressBar bar;
  usage::ResetQuotas(session, as_of, on_batch, bar.Watch());
}

int ResetQuotas(const Context& context, const std::optional<std::string>& as_of, bool dry_run) {
  if (as_of && (as_of->size() != 10 || !ParseInstant(*as_of))) {
    throw CliError(kUsage, "--as-of must be a day such as 2026-11-30, not '" + *as_of + "'");
  }
  if (as_of && !dry_run && *ParseInstant(*as_of) > SystemNow()) {
    throw CliError(kUsage,
                   "--as-of " + *as_of + " is in the future: a reset cannot be taken back; add --dry-run to look");
  }
  auto session = context.Connect("reset-quotas");
  if (!dry_run) BeginAudited(context, session);
  const auto due = [&] { return usage::QuotasDue(session, as_of.value_or(FormatInstant(SystemNow()).substr(0, 10))); };
  if (context.json) {
    JsonDocument document(dry_run);
    const auto add = [&](const std::vector<usage::QuotaReset>& batch) { document.Add(batch); };
    if (dry_run) {
      add(due());
    } else {
      Reset(session, as_of, add);
    }
    document.End();
    return kDone;
  }
  std::vector<usage::QuotaReset> resets;
  if (dry_run) {
    resets = due();
  } else {
    Reset(session, as_of, [&](const auto& batch) { resets.insert(resets.end(), batch.begin(), batch.end()); });
    std::ranges::sort(resets, {}, &usage::QuotaReset::email);
  }
  if (resets.empty()) {
    std::cout << "No user's quota is due.\n";
  } else {
    PrintTable(resets);
    std::cout << resets.size() << (dry_run ? " users would be reset (dry run)\n" : " users reset\n");
  }
  return kDone;
}

}  // namespace

void AddResetQuotas(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("reset-quotas", "call reset_monthly_quotas() and say who was reset and why");
  const auto as_of = std::make_shared<std::optional<std::string>>();
  const auto dry_run = std::make_shared<bool>(false);
  command->add_option("--as-of", *as_of, "as if today were this day, YYYY-MM-DD (UTC)");
  command->add_flag("--dry-run", *dry_run, "only say who would be reset");
  AddJsonFlag(*command, context);
  command->callback([&context, as_of, dry_run] {
    if (!*dry_run) context.audited = {"reset-quotas", as_of->value_or("")};
    context.run = [&context, as_of, dry_run] { return ResetQuotas(context, *as_of, *dry_run); };
  });
}

}  // namespace billsync::cli
