// The configuration of one billsync process: a TOML file, overridden by the environment.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "billsync/admin/token_guard.h"
#include "billsync/base/log.h"
#include "billsync/base/secret.h"
#include "billsync/billing/entitlement.h"
#include "billsync/billing/plan_map.h"
#include "billsync/stripe/signature.h"

namespace billsync::app {

// Which events are applied; those of the other mode are stored and ignored.
enum class Livemode { kAny, kLive, kTest };

// Defaults are those of config/billsync.toml, where each key is explained.
struct Config {
  std::string database_url;
  size_t database_sessions = 8;
  std::chrono::seconds statement_timeout{30};

  std::vector<stripe::SigningSecret> webhook_secrets;
  std::chrono::seconds signature_tolerance{300};
  Livemode livemode = Livemode::kAny;
  bool link_by_email = false;

  std::string listen = "127.0.0.1:8080";
  std::string admin_listen = "127.0.0.1:8081";
  std::string tls_certificate_file, tls_key_file;
  size_t max_connections = 4096;
  size_t max_connections_per_peer = 0;
  std::vector<admin::Token> admin_tokens;

  Secret stripe_api_key;
  std::string stripe_api_base = "https://api.stripe.com";

  billing::EntitlementPolicy entitlement;
  std::vector<billing::Plan> plans;
  std::vector<std::string> add_ons;

  std::chrono::milliseconds rollup_every{2000};
  std::chrono::seconds quota_reset_every{60};
  std::chrono::seconds entitlement_sweep_every{60};
  std::chrono::seconds close_every{3600};

  std::chrono::days close_after{3};
  std::string export_directory;  // empty: the close job writes no files

  LogLevel log_level = LogLevel::kInfo;
};

// What is wrong with one key.
struct ConfigFault {
  std::string key;     // "webhook.tolerance_s" or "STRIPE_WEBHOOK_SECRET"
  std::string reason;  // a sentence with the way out; never a secret's value
};

// Reads an environment variable; tests hand in a table.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> ProcessEnvironment(const std::string& name);

// Loads `file` (none: built-in defaults), then the environment over it. Reports every fault at once: unknown keys,
// wrong types, values out of range, secrets that are present but empty, a price that buys two tiers.
tl::expected<Config, std::vector<ConfigFault>> LoadConfig(const std::optional<std::string>& file,
                                                          const Environment& environment);

// What a command cannot do without, as faults naming the variable to set.
std::vector<ConfigFault> MissingForDatabase(const Config& config);
std::vector<ConfigFault> MissingForServe(const Config& config);
// Files that serve is to read, and this user cannot or that are empty: TLS certificate and key. In MissingForServe too.
std::vector<ConfigFault> UnreadableFiles(const Config& config);

}  // namespace billsync::app
