#include "doctor.h"

#include <iostream>

#include "billsync/base/json_writer.h"
#include "context.h"
#include "terminal.h"

namespace billsync::cli {
namespace {

std::string_view Word(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kFault:
      return "fault";
  }
  return "";
}

class Doctor {
 public:
  explicit Doctor(const Context& context) : context_(context) {}

  std::vector<Finding> Examine() {
    auto config = app::LoadConfig(context_.config_file, app::ProcessEnvironment);
    if (!config) {
      usable_ = false;
      for (const auto& fault : config.error())
        findings_.Fault("configuration", fault.key + " " + fault.reason, "mend this key");
      return findings_.list();
    }
    findings_.Ok("configuration", context_.config_file.value_or("built-in defaults and environment"));
    for (const auto& fault : app::UnreadableFiles(*config)) {
      findings_.Fault("configuration", fault.key + " " + fault.reason,
                      "name a PEM file that the user of serve can read");
    }
    CheckSecrets(*config);
    CheckPlans(*config);
    ExamineDatabase(*config);
    ExamineRunningServe(*config, findings_);
    return findings_.list();
  }

  // Whether there was a configuration to examine with.
  bool usable() const { return usable_; }

 private:
  void CheckSecrets(const app::Config& config) {
    if (config.webhook_secrets.empty()) {
      findings_.Fault("secrets", "STRIPE_WEBHOOK_SECRET is not set",
                      "copy the endpoint's signing secret from Stripe's dashboard into STRIPE_WEBHOOK_SECRET(_FILE)");
    }
    for (const auto& secret : config.webhook_secrets) {
      if (secret.secret.Reveal().starts_with("whsec_")) {
        findings_.Ok("secrets", "webhook secret '" + secret.name + "' is set");
      } else {
        findings_.Warning("secrets", "webhook secret '" + secret.name + "' does not start with whsec_",
                          "copy the whole signing secret, prefix included");
      }
    }
    if (config.admin_tokens.empty()) {
      findings_.Warning("secrets", "no admin token: serve runs without /metrics and the API",
                        "set BILLSYNC_ADMIN_TOKEN to ops=TOKEN (try: openssl rand -hex 24)");
    }
    for (const auto& token : config.admin_tokens) {
      if (!token.IsShort()) continue;
      findings_.Warning("secrets",
                        "the admin token of role " + std::string(admin::Name(token.role)) +
                            " has fewer than 16 characters and may be guessed",
                        "replace it in BILLSYNC_ADMIN_TOKEN (try: openssl rand -hex 24) and restart serve");
    }
  }

  void CheckPlans(const app::Config& config) {
    size_t mapped = 0;
    for (const auto& plan : config.plans) {
      const size_t ways = plan.prices.size() + plan.products.size() + plan.lookup_keys.size();
      mapped += ways;
      if (ways == 0 && plan.tier != billing::Tier::kFree) {
        findings_.Warning("plan map", "nothing buys the tier " + std::string(billing::Name(plan.tier)),
                          "add its prices, products or lookup_keys to its [[plan]]");
      }
    }
    if (mapped == 0) {
      findings_.Fault("plan map",
                      "no price is mapped to a tier: subscriptions are parked unless metadata says plan_tier",
                      "write [[plan]] tables as in config/billsync.toml and pass the file with --config");
    } else {
      findings_.Ok("plan map", std::to_string(mapped) + " prices, products and lookup keys are mapped");
    }
  }

  void ExamineDatabase(const app::Config& config) {
    if (config.database_url.empty()) {
      return findings_.Fault("database", "DATABASE_URL is not set",
                             "set it to a libpq URL such as postgresql://user@host/database");
    }
    try {
      db::Session session({.url = config.database_url, .role = "doctor", .refuse_hidden_rows = false});
      ExamineServer(session, findings_);
      if (!ExamineSchema(session, findings_)) return;
      ExaminePlanMap(session, config, findings_);
      ExamineEndpoint(session, config, findings_);
      ExamineWork(session, findings_);
      ExamineStorage(session, config, findings_);
    } catch (const db::Transient& e) {
      findings_.Fault("database", e.what(), "check DATABASE_URL and that the server runs and accepts this role");
    } catch (const db::Error& e) {
      findings_.Fault(
          "database", e.what(),
          e.sqlstate() == "42501"
              ? "as an owner run: psql -f config/postgres-roles.sql, and grant billsync_service to this role"
              : "run: billsync migrate");
    }
  }

  const Context& context_;
  Findings findings_;
  bool usable_ = true;
};

int Examine(const Context& context) {
  Doctor doctor(context);
  const auto findings = doctor.Examine();
  bool attention = false;
  for (const auto& finding : findings) {
    attention |= finding.severity != Severity::kOk;
    if (context.json) {
      std::cout << JsonObject()
                       .Add("severity", Word(finding.severity))
                       .Add("check", finding.check)
                       .Add("finding", finding.what)
                       .Add("mend", finding.mend)
                       .Text()
                << "\n";
      continue;
    }
    std::string word(Word(finding.severity));
    word.resize(8, ' ');
    if (finding.severity == Severity::kOk) word = Good(word);
    if (finding.severity == Severity::kWarning) word = Warn(word);
    if (finding.severity == Severity::kFault) word = Bad(word);
    std::cout << word << finding.check << ": " << finding.what << "\n";
    if (!finding.mend.empty()) std::cout << "        → " << finding.mend << "\n";
  }
  if (!doctor.usable()) return kUsage;
  return attention ? kNeedsAttention : kDone;
}

}  // namespace

void AddDoctor(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("doctor",
                         "check configuration, secrets, plan map, database, roles, schema, Stripe's "
                         "endpoint and jobs (exit 3 if anything is found, 2 if the configuration cannot be used)");
  AddJsonFlag(*command, context);
  command->callback([&context] { context.run = [&context] { return Examine(context); }; });
}

}  // namespace billsync::cli
