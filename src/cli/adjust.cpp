#include <iostream>
#include <memory>

#include "billsync/base/json_writer.h"
#include "billsync/base/parse.h"
#include "billsync/usage/adjustments.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

struct AdjustOptions {
  std::optional<std::string> origin, booked, user;
  std::string user_id, period, amount, reason;
};

std::optional<billing::Month> MonthOf(const char* option, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto month = billing::Month::Parse(*text);
  if (!month) throw CliError(kUsage, std::string(option) + " must be a month such as 2026-10, not '" + *text + "'");
  return month;
}

void RequireUuid(const std::string& text) {
  if (!IsUuid(text)) throw CliError(kUsage, "a user is named by the id in users.id, a UUID, not '" + text + "'");
}

std::string Json(const usage::Adjustment& one) {
  JsonObject json;
  json.Add("id", one.id).Add("kind", one.kind).Add("user_id", one.user_id).Add("email", one.email);
  json.Add("origin_period", one.origin_period).Add("booked_period", one.booked_period);
  json.Add("total_runs", one.total_runs).Add("failed_runs", one.failed_runs).Add("cancelled_runs", one.cancelled_runs);
  json.Add("unpriced_runs", one.unpriced_runs).Add("total_tokens", one.total_tokens);
  json.Add("amount_usd", one.amount_usd).Add("amount_exact_usd", one.amount_exact_usd).Add("reason", one.reason);
  return json.Add("booked_by", one.booked_by).Add("booked_at", FormatInstant(one.booked_at)).Text();
}

int List(const Context& context, const AdjustOptions& options) {
  if (options.user) RequireUuid(*options.user);
  const usage::AdjustmentFilter filter{.origin = MonthOf("--origin", options.origin),
                                       .booked = MonthOf("--period", options.booked),
                                       .user_id = options.user};
  auto session = context.Connect("adjust");
  const auto all = usage::ListAdjustments(session, filter);
  Table table({"ID", "BOOKED IN", "FOR", "USER", "RUNS", "USD", "EXACT USD", "KIND", "REASON"});
  for (const auto& one : all) {
    if (context.json) {
      std::cout << Json(one) << "\n";
    } else {
      table.AddRow({std::to_string(one.id), one.booked_period, one.origin_period, one.email.value_or(one.user_id),
                    std::to_string(one.total_runs), one.amount_usd, one.amount_exact_usd, one.kind, one.reason});
    }
  }
  if (!context.json && all.empty()) std::cout << "No adjustments.\n";
  if (!context.json && !all.empty()) table.Print();
  return kDone;
}

int Book(const Context& context, const AdjustOptions& options) {
  RequireUuid(options.user_id);
  const auto origin = MonthOf("--origin", options.period);
  if (!usage::IsAdjustmentAmount(options.amount)) {
    throw CliError(
        kUsage, "--amount must be dollars and whole cents such as -12.50, and not zero, not '" + options.amount + "'");
  }
  if (options.reason.empty()) throw CliError(kUsage, "--reason must say why");
  auto session = context.Connect("adjust");
  db::Transaction tx(session);
  const auto id =
      usage::BookAdjustment(tx, options.user_id, *origin, options.amount, options.reason, Who(), SystemNow());
  if (!id) {
    switch (id.error()) {
      case usage::NotBooked::kNotClosed:
        throw CliError(kFailed, "nothing was booked: " + origin->Text() +
                                    " is not closed; an open month is corrected by its runs");
      case usage::NotBooked::kNoSuchUser:
        throw CliError(kFailed, "nothing was booked: there is no user " + options.user_id);
    }
  }
  const std::string told = "adjustment " + std::to_string(*id) + " of " + options.amount + " USD booked";
  admin::RecordAudit(tx, AuditEntryOf(context, admin::AuditOutcome::kDone, told));
  tx.Commit();
  context.recorded = true;
  if (context.json) {
    std::cout << JsonObject().Add("id", *id).Text() << "\n";
  } else {
    std::cout << told << "\n";
  }
  return kDone;
}

}  // namespace

void AddAdjust(CLI::App& app, Context& context) {
  auto* adjust = app.add_subcommand("adjust", "corrections of closed months: list, book");
  adjust->require_subcommand(1);
  const auto options = std::make_shared<AdjustOptions>();
  auto* list = adjust->add_subcommand("list", "adjustments, those made by late runs included, newest first");
  list->add_option("--origin", options->origin, "only those that correct this month, YYYY-MM");
  list->add_option("--period", options->booked, "only those booked in this month, YYYY-MM");
  list->add_option("--user", options->user, "only those of this user, by id");
  AddJsonFlag(*list, context);
  list->callback([&context, options] { context.run = [&context, options] { return List(context, *options); }; });
  auto* book = adjust->add_subcommand("book", "book an amount for a user's closed month, in the current month");
  book->add_option("--user", options->user_id, "the user's id")->required();
  book->add_option("--origin", options->period, "the closed month it corrects, YYYY-MM")->required();
  book->add_option("--amount", options->amount, "dollars and cents, such as -12.50")->required();
  book->add_option("--reason", options->reason, "why, for finance")->required();
  AddJsonFlag(*book, context);
  book->callback([&context, options] {
    context.audited = {"adjust", options->period + " " + options->user_id};
    context.run = [&context, options] { return Book(context, *options); };
  });
}

}  // namespace billsync::cli
