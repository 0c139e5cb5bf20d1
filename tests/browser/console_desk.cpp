#include "browser/console_desk.h"

#include <filesystem>
#include <stdexcept>

namespace billsync::testing {

ConsoleDesk& ConsoleDesk::Get() {
  // Not destroyed before the cluster: function statics end in reverse order of their making.
  static_cast<void>(ClusterUrl());
  static ConsoleDesk desk;
  return desk;
}

ConsoleDesk::ConsoleDesk()
    : service_(database_.url(),
               {{"BILLSYNC_ADMIN_TOKEN", std::string("finance=") + kFinanceToken + ",ops=" + kOpsToken}}) {
  FillWithDemo();
}

std::string ConsoleDesk::Url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(service_.admin_port()) + path;
}

void ConsoleDesk::FillWithDemo() {
  database_.Run(ReadSource("fixtures/demo/platform.sql"));
  std::vector<std::string> arguments = {"send",
                                        "--rebase",
                                        "--quiet",
                                        "--to",
                                        "http://127.0.0.1:" + std::to_string(service_.port()) + "/webhooks/stripe",
                                        BILLSYNC_SOURCE_DIR "/fixtures/events"};
  for (const auto& life : std::filesystem::directory_iterator(BILLSYNC_SOURCE_DIR "/fixtures/lifecycles")) {
    if (life.is_directory()) arguments.push_back((life.path() / "endive").string());
  }
  const auto sent = RunProgram(arguments, {{"STRIPE_WEBHOOK_SECRET", kSecret}});
  if (sent.status != 0) throw std::runtime_error("the demo's events were not taken: " + sent.err + sent.out);
  const bool settled = Eventually(
      [&] {
        return database_.Value("SELECT count(*) FROM stripe_events WHERE status = 'received'") == "0" &&
               database_.Value("SELECT count(*) FROM billing_usage_deltas") == "0" &&
               database_.Value("SELECT count(*) > 0 FROM billing_usage_by_day") == "t";
      },
      std::chrono::seconds(60));
  if (!settled) throw std::runtime_error("the demo's data did not settle");
}

void ConsoleDesk::Reset() {
  browser_.Open(Url("/login"));
  browser_.ForgetCookies();
  browser_.AllowScripts(true);
  browser_.PreferDark(false);
  browser_.Resize(1280, 900);
  browser_.Open(Url("/login"));  // until now it was sent on, if somebody was logged in
  browser_.TakeComplaints();
}

void ConsoleDesk::LogIn(const std::string& token) {
  browser_.Open(Url("/login"));
  browser_.Type("#token", token);
  browser_.Follow("button");
}

std::vector<std::string> ConsoleDesk::Pages() {
  const auto one = [&](const std::string& sql) { return database_.Value(sql); };
  const std::string month = one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')");
  return {"/",
          "/usage",
          "/usage?period=" + one("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM')"),
          "/usage?user=grace",
          "/invoices",
          "/subscriptions",
          "/users",
          "/users/" + one("SELECT id FROM users WHERE email = 'grace@example.com'"),
          "/events",
          "/events?status=parked",
          "/events/" + one("SELECT min(id) FROM stripe_events WHERE status = 'parked'"),
          "/objects/" + one("SELECT min(stripe_subscription_id) FROM billing_subscriptions"),
          "/periods",
          "/periods/" + month,
          "/jobs",
          "/jobs/rollup",
          "/audit"};
}

}  // namespace billsync::testing
