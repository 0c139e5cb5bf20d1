#include "billsync/app/config.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "billsync/base/parse.h"
#include "config_reader.h"

namespace billsync::app {
namespace {

// "a, b ,c" → {"a", "b", "c"}; an empty piece stays, so that the caller can refuse it.
std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> pieces;
  size_t from = 0;
  for (;;) {
    const size_t comma = text.find(',', from);
    pieces.emplace_back(Trim(std::string_view(text).substr(from, comma - from)));
    if (comma == std::string::npos) return pieces;
    from = comma + 1;
  }
}

// "name=value" → {name, value}; without "=" the name is `unnamed`.
std::pair<std::string, std::string> SplitNamed(const std::string& text, const std::string& unnamed) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return {unnamed, text};
  return {std::string(Trim(text.substr(0, equals))), std::string(Trim(text.substr(equals + 1)))};
}

void ReadWebhookSecrets(ConfigReader& reader, const std::string& key, const std::string& text, Config& config) {
  config.webhook_secrets.clear();
  std::set<std::string> names;
  for (const std::string& piece : SplitList(text)) {
    auto [name, secret] = SplitNamed(piece, "secret" + std::to_string(config.webhook_secrets.size() + 1));
    if (secret.empty() || name.empty()) {
      reader.Fault(key, "holds an empty secret or name; write whsec_… or name=whsec_…, separated by commas");
    } else if (!names.insert(name).second) {
      reader.Fault(key, "names two secrets '" + name + "'");
    } else {
      config.webhook_secrets.push_back({name, Secret(secret)});
    }
  }
}

void ReadAdminTokens(ConfigReader& reader, const std::string& key, const std::string& text, Config& config) {
  config.admin_tokens.clear();
  for (const std::string& piece : SplitList(text)) {
    const auto [role, token] = SplitNamed(piece, "");
    if (role != "finance" && role != "ops") {
      reader.Fault(key, "must hold finance=TOKEN or ops=TOKEN, separated by commas");
    } else if (token.empty()) {
      reader.Fault(key, "has an empty token for role " + role);
    } else {
      config.admin_tokens.push_back({role == "ops" ? admin::Role::kOps : admin::Role::kFinance, Secret(token)});
    }
  }
}

void ReadLivemode(ConfigReader& reader, const std::string& key, const std::string& text, Config& config) {
  if (text == "any") {
    config.livemode = Livemode::kAny;
  } else if (text == "true") {
    config.livemode = Livemode::kLive;
  } else if (text == "false") {
    config.livemode = Livemode::kTest;
  } else {
    reader.Fault(key, "must be true, false or any");
  }
}

void ReadLogLevel(ConfigReader& reader, const std::string& text, Config& config) {
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::kDebug},
                                                  {"info", LogLevel::kInfo},
                                                  {"warning", LogLevel::kWarning},
                                                  {"error", LogLevel::kError}};
  const auto found = levels.find(text);
  if (found == levels.end()) return reader.Fault("log.level", "must be debug, info, warning or error");
  config.log_level = found->second;
}

void ReadPlan(const toml::table& table, const Environment& environment, std::vector<ConfigFault>& faults,
              Config& config) {
  std::vector<ConfigFault> own;
  ConfigReader reader(table, environment, own);
  billing::Plan plan;
  std::string tier;
  reader.Text("tier", tier);
  const auto parsed = billing::ParseTier(tier);
  if (!parsed) {
    reader.Fault("tier", "must be free, pro or enterprise");
  } else {
    plan.tier = *parsed;
    plan.monthly_runs_quota = billing::PlanMap({}, {}).Quota(*parsed);
  }
  reader.Number("monthly_runs_quota", 0, 2'000'000'000, plan.monthly_runs_quota);
  reader.Texts("prices", plan.prices);
  reader.Texts("products", plan.products);
  reader.Texts("lookup_keys", plan.lookup_keys);
  reader.Texts("features", plan.features);
  reader.RefuseUnknownKeys();
  const std::string prefix = "plan[" + (parsed ? tier : std::to_string(config.plans.size())) + "].";
  for (auto& fault : own) faults.push_back({prefix + fault.key, fault.reason});
  config.plans.push_back(std::move(plan));
}

// No price, product, lookup key or feature may buy two tiers, no tier may be described twice.
void CheckPlans(ConfigReader& reader, const Config& config) {
  std::set<billing::Tier> tiers;
  std::map<std::string, std::string> owner;
  const auto claim = [&](const std::string& kind, const std::string& id, const std::string& by) {
    const auto [at, fresh] = owner.emplace(kind + " " + id, by);
    if (!fresh) reader.Fault("plan", kind + " " + id + " stands in " + at->second + " and in " + by);
  };
  for (const auto& plan : config.plans) {
    const std::string by = "plan " + std::string(billing::Name(plan.tier));
    if (!tiers.insert(plan.tier).second) reader.Fault("plan", by + " is written twice; put its prices in one [[plan]]");
    for (const auto& id : plan.prices) claim("price", id, by);
    for (const auto& id : plan.products) claim("product", id, by);
    for (const auto& key : plan.lookup_keys) claim("lookup key", key, by);
    for (const auto& key : plan.features) claim("feature", key, by);
  }
  for (const auto& id : config.add_ons) claim("price", id, "add_ons");
}

void ReadFileKeys(ConfigReader& reader, Config& config) {
  reader.Text("database.url", config.database_url);
  reader.Number("database.sessions", 4, 200, config.database_sessions);
  reader.Seconds("database.statement_timeout_s", 1, 3600, config.statement_timeout);
  if (const auto text = reader.FileOf("webhook.secrets_file")) {
    ReadWebhookSecrets(reader, "webhook.secrets_file", *text, config);
  }
  reader.Seconds("webhook.tolerance_s", 1, 3600, config.signature_tolerance);
  std::string livemode = "any";
  reader.Text("webhook.livemode", livemode);
  ReadLivemode(reader, "webhook.livemode", livemode, config);
  reader.Text("listen.public", config.listen);
  reader.Text("listen.admin", config.admin_listen);
  reader.Text("listen.tls_certificate_file", config.tls_certificate_file);
  reader.Text("listen.tls_key_file", config.tls_key_file);
  reader.Number("listen.max_connections", 16, 1'000'000, config.max_connections);
  reader.Number("listen.max_connections_per_peer", 0, 1'000'000, config.max_connections_per_peer);
  if (const auto text = reader.FileOf("admin.tokens_file")) ReadAdminTokens(reader, "admin.tokens_file", *text, config);
  if (const auto text = reader.FileOf("stripe.api_key_file")) config.stripe_api_key = Secret(*text);
  reader.Text("stripe.api_base", config.stripe_api_base);
  reader.Flag("customers.link_by_email", config.link_by_email);
  reader.Days("entitlement.grace_days", 0, 365, config.entitlement.grace);
  reader.Days("entitlement.silence_days", 1, 365, config.entitlement.silence);
  reader.Flag("entitlement.hold_downgrades", config.entitlement.hold_downgrades);
  reader.Flag("entitlement.pause_collection_entitles", config.entitlement.pause_collection_entitles);
  reader.Seconds("jobs.rollup_every_s", std::chrono::milliseconds(200), std::chrono::hours(24), config.rollup_every);
  reader.Seconds("jobs.quota_reset_every_s", 1, 86400, config.quota_reset_every);
  reader.Seconds("jobs.entitlement_sweep_every_s", 1, 86400, config.entitlement_sweep_every);
  reader.Seconds("jobs.close_every_s", 1, 86400, config.close_every);
  reader.Days("usage.close_after_days", 0, 365, config.close_after);
  reader.Text("usage.export_directory", config.export_directory);
  std::string level = "info";
  reader.Text("log.level", level);
  ReadLogLevel(reader, level, config);
  reader.Texts("add_ons", config.add_ons);
}

void ReadEnvironment(ConfigReader& reader, Config& config) {
  if (auto value = reader.Variable("DATABASE_URL")) config.database_url = *value;
  if (const auto value = reader.Variable("STRIPE_WEBHOOK_SECRET")) {
    ReadWebhookSecrets(reader, "STRIPE_WEBHOOK_SECRET", *value, config);
  }
  if (const auto value = reader.Variable("STRIPE_API_KEY")) config.stripe_api_key = Secret(*value);
  if (auto value = reader.Variable("STRIPE_API_BASE")) config.stripe_api_base = *value;
  if (auto value = reader.Variable("BILLSYNC_LISTEN")) config.listen = *value;
  if (auto value = reader.Variable("BILLSYNC_ADMIN_LISTEN")) config.admin_listen = *value;
  if (const auto value = reader.Variable("BILLSYNC_ADMIN_TOKEN")) {
    ReadAdminTokens(reader, "BILLSYNC_ADMIN_TOKEN", *value, config);
  }
  if (const auto value = reader.Variable("BILLSYNC_LIVEMODE")) {
    ReadLivemode(reader, "BILLSYNC_LIVEMODE", *value, config);
  }
}

// "host:port" or "[v6]:port" with a port that is a number.
bool IsAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  return colon != std::string::npos && colon > 0 && ParseInt<uint16_t>(std::string_view(text).substr(colon + 1));
}

// "https://host…" or, for a stand-in, "http://host…".
bool IsHttpAddress(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view name = text.substr(0, scheme), rest = text.substr(scheme + 3);
  const bool blank = rest.find_first_of(" \t\r\n") != std::string_view::npos;
  return (name == "https" || name == "http") && !rest.empty() && rest.front() != '/' && rest.front() != ':' && !blank;
}

void CheckWhole(ConfigReader& reader, const Config& config) {
  if (!IsAddress(config.listen)) reader.Fault("BILLSYNC_LISTEN", "must be HOST:PORT, such as 127.0.0.1:8080");
  if (!IsAddress(config.admin_listen)) {
    reader.Fault("BILLSYNC_ADMIN_LISTEN", "must be HOST:PORT, such as 127.0.0.1:8081");
  }
  if (config.tls_certificate_file.empty() != config.tls_key_file.empty()) {
    reader.Fault("listen.tls_certificate_file", "needs listen.tls_key_file beside it, and the reverse");
  }
  if (!IsHttpAddress(config.stripe_api_base)) {
    reader.Fault("STRIPE_API_BASE", "must be an address such as https://api.stripe.com");
  }
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

tl::expected<Config, std::vector<ConfigFault>> LoadConfig(const std::optional<std::string>& file,
                                                          const Environment& environment) {
  Config config;
  std::vector<ConfigFault> faults;
  toml::table table;
  if (file) {
    try {
      table = toml::parse_file(*file);
    } catch (const toml::parse_error& e) {
      const auto where = e.source().begin;
      faults.push_back({*file, "line " + std::to_string(where.line) + ": " + std::string(e.description())});
      return tl::unexpected(std::move(faults));
    }
  }
  ConfigReader reader(table, environment, faults);
  ReadFileKeys(reader, config);
  for (const toml::table* plan : reader.Tables("plan")) ReadPlan(*plan, environment, faults, config);
  reader.RefuseUnknownKeys();
  ReadEnvironment(reader, config);
  CheckPlans(reader, config);
  CheckWhole(reader, config);
  if (!faults.empty()) return tl::unexpected(std::move(faults));
  return config;
}

std::vector<ConfigFault> MissingForDatabase(const Config& config) {
  if (!config.database_url.empty()) return {};
  return {{"DATABASE_URL", "is not set; give it a libpq URL such as postgresql://user@host/database"}};
}

std::vector<ConfigFault> MissingForServe(const Config& config) {
  auto faults = MissingForDatabase(config);
  if (config.webhook_secrets.empty()) {
    faults.push_back({"STRIPE_WEBHOOK_SECRET",
                      "is not set; copy the signing secret (whsec_…) of the webhook endpoint from Stripe's dashboard"});
  }
  for (auto& fault : UnreadableFiles(config)) faults.push_back(std::move(fault));
  return faults;
}

std::vector<ConfigFault> UnreadableFiles(const Config& config) {
  std::vector<ConfigFault> faults;
  for (const auto& [key, path] : {std::pair{"listen.tls_certificate_file", config.tls_certificate_file},
                                  {"listen.tls_key_file", config.tls_key_file}}) {
    if (path.empty()) continue;
    std::ifstream in(path, std::ios::binary);
    if (in.peek() == std::ifstream::traits_type::eof()) {
      faults.push_back({key, "names " + path + ", which cannot be read or is empty"});
    }
  }
  return faults;
}

}  // namespace billsync::app
