// Every key of the TOML file, and every way to get one wrong.
#include <functional>
#include <sstream>

#include "config_source.h"

namespace billsync::app {
namespace {

using Keys = std::vector<std::string>;

// All of a configuration but its secrets, as text: so that two can be compared and a difference read.
std::string Written(const Config& c) {
  std::ostringstream out;
  out << c.database_url << "|" << c.database_sessions << "|" << c.statement_timeout.count() << "|"
      << c.webhook_secrets.size() << "|" << c.signature_tolerance.count() << "|" << static_cast<int>(c.livemode) << "|"
      << c.link_by_email << "|" << c.listen << "|" << c.admin_listen << "|" << c.tls_certificate_file << "|"
      << c.tls_key_file << "|" << c.max_connections << "|" << c.max_connections_per_peer << "|" << c.admin_tokens.size()
      << "|" << c.stripe_api_key.Empty() << "|" << c.stripe_api_base << "|" << c.entitlement.grace.count() << "|"
      << c.entitlement.silence.count() << "|" << c.add_ons.size() << "|" << c.rollup_every.count() << "|"
      << c.quota_reset_every.count() << "|" << c.entitlement_sweep_every.count() << "|" << c.close_every.count() << "|"
      << c.close_after.count() << "|" << c.export_directory << "|" << static_cast<int>(c.log_level);
  return out.str();
}

TEST(ConfigFile, ReadsEveryKey) {
  const TextFile key_file("sk_test_1\n");
  const struct {
    std::string toml;
    std::function<bool(const Config&)> holds;
  } cases[] = {
      {"[database]\nurl = 'postgresql://here/db'", [](auto& c) { return c.database_url == "postgresql://here/db"; }},
      {"[database]\nsessions = 4", [](auto& c) { return c.database_sessions == 4; }},
      {"[database]\nsessions = 200", [](auto& c) { return c.database_sessions == 200; }},
      {"[database]\nstatement_timeout_s = 1", [](auto& c) { return c.statement_timeout.count() == 1; }},
      {"[webhook]\ntolerance_s = 3600", [](auto& c) { return c.signature_tolerance.count() == 3600; }},
      {"[webhook]\nlivemode = 'true'", [](auto& c) { return c.livemode == Livemode::kLive; }},
      {"[webhook]\nlivemode = 'false'", [](auto& c) { return c.livemode == Livemode::kTest; }},
      {"[webhook]\nlivemode = 'any'", [](auto& c) { return c.livemode == Livemode::kAny; }},
      {"[listen]\npublic = '0.0.0.0:1'", [](auto& c) { return c.listen == "0.0.0.0:1"; }},
      {"[listen]\nadmin = '[::1]:65535'", [](auto& c) { return c.admin_listen == "[::1]:65535"; }},
      {"[listen]\ntls_certificate_file = 'c'\ntls_key_file = 'k'",
       [](auto& c) { return c.tls_certificate_file == "c" && c.tls_key_file == "k"; }},
      {"[listen]\nmax_connections = 16", [](auto& c) { return c.max_connections == 16; }},
      {"[listen]\nmax_connections_per_peer = 5", [](auto& c) { return c.max_connections_per_peer == 5; }},
      {"[stripe]\napi_key_file = '" + key_file.path() + "'",
       [](auto& c) { return c.stripe_api_key.Reveal() == "sk_test_1"; }},
      {"[stripe]\napi_base = 'http://127.0.0.1:1'", [](auto& c) { return c.stripe_api_base == "http://127.0.0.1:1"; }},
      {"[customers]\nlink_by_email = true", [](auto& c) { return c.link_by_email; }},
      {"[entitlement]\ngrace_days = 0", [](auto& c) { return c.entitlement.grace.count() == 0; }},
      {"[entitlement]\nsilence_days = 365", [](auto& c) { return c.entitlement.silence.count() == 365; }},
      {"[jobs]\nrollup_every_s = 1", [](auto& c) { return c.rollup_every.count() == 1000; }},
      {"[jobs]\nrollup_every_s = 0.25", [](auto& c) { return c.rollup_every.count() == 250; }},
      {"[jobs]\nclose_every_s = 60", [](auto& c) { return c.close_every.count() == 60; }},
      {"[usage]\nclose_after_days = 10", [](auto& c) { return c.close_after.count() == 10; }},
      {"[usage]\nexport_directory = '/srv'", [](auto& c) { return c.export_directory == "/srv"; }},
      {"[jobs]\nquota_reset_every_s = 86400", [](auto& c) { return c.quota_reset_every.count() == 86400; }},
      {"[jobs]\nentitlement_sweep_every_s = 2", [](auto& c) { return c.entitlement_sweep_every.count() == 2; }},
      {"[log]\nlevel = 'debug'", [](auto& c) { return c.log_level == LogLevel::kDebug; }},
      {"[log]\nlevel = 'warning'", [](auto& c) { return c.log_level == LogLevel::kWarning; }},
      {"[log]\nlevel = 'error'", [](auto& c) { return c.log_level == LogLevel::kError; }},
      {"add_ons = ['price_a', 'price_b']",
       [](auto& c) {
         return c.add_ons == Keys{"price_a", "price_b"};
       }},
  };
  for (const auto& c : cases) EXPECT_TRUE(c.holds(Loaded(c.toml))) << c.toml;
}

TEST(ConfigFile, ReadsSecretsAndTokensFromTheFilesItNames) {
  const TextFile secrets("old=whsec_1, whsec_2\n"), tokens("finance=0123456789abcdef,ops=fedcba9876543210\n");
  const Config config =
      Loaded("[webhook]\nsecrets_file = '" + secrets.path() + "'\n[admin]\ntokens_file = '" + tokens.path() + "'");
  ASSERT_EQ(config.webhook_secrets.size(), 2U);
  EXPECT_EQ(config.webhook_secrets[0].name, "old");
  EXPECT_EQ(config.webhook_secrets[1].secret.Reveal(), "whsec_2");
  ASSERT_EQ(config.admin_tokens.size(), 2U);
  EXPECT_EQ(config.admin_tokens[0].role, admin::Role::kFinance);
  EXPECT_EQ(config.admin_tokens[1].role, admin::Role::kOps);
}

TEST(ConfigFile, ReadsPlans) {
  const Config config = Loaded(
      "[[plan]]\ntier = 'pro'\nprices = ['price_1']\nproducts = ['prod_1']\nlookup_keys = ['key_1']\n"
      "[[plan]]\ntier = 'enterprise'\nmonthly_runs_quota = 0\n");
  ASSERT_EQ(config.plans.size(), 2U);
  EXPECT_EQ(config.plans[0].tier, billing::Tier::kPro);
  EXPECT_EQ(config.plans[0].monthly_runs_quota, 1000);  // the platform's own for pro
  EXPECT_EQ(config.plans[0].prices, Keys{"price_1"});
  EXPECT_EQ(config.plans[0].products, Keys{"prod_1"});
  EXPECT_EQ(config.plans[0].lookup_keys, Keys{"key_1"});
  EXPECT_EQ(config.plans[1].monthly_runs_quota, 0);
}

TEST(ConfigFile, NamesTheKeyOfEveryFault) {
  const struct {
    const char* toml;
    Keys keys;
  } cases[] = {
      {"[database]\nurl = 5", {"database.url"}},
      {"[database]\nsessions = 3", {"database.sessions"}},
      {"[database]\nsessions = 201", {"database.sessions"}},
      {"[database]\nsessions = '8'", {"database.sessions"}},
      {"[database]\nsessions = 8.0", {"database.sessions"}},
      {"[database]\nstatement_timeout_s = 0", {"database.statement_timeout_s"}},
      {"[database]\nstatement_timeout_s = 3601", {"database.statement_timeout_s"}},
      {"[webhook]\ntolerance_s = 0", {"webhook.tolerance_s"}},
      {"[webhook]\ntolerance_s = 3601", {"webhook.tolerance_s"}},
      {"[webhook]\nlivemode = true", {"webhook.livemode"}},
      {"[webhook]\nlivemode = 'live'", {"webhook.livemode"}},
      {"[webhook]\nsecrets_file = '/nowhere/at/all'", {"webhook.secrets_file"}},
      {"[admin]\ntokens_file = '/nowhere/at/all'", {"admin.tokens_file"}},
      {"[stripe]\napi_key_file = '/dev/null'", {"stripe.api_key_file"}},
      {"[stripe]\napi_base = 1", {"stripe.api_base"}},
      {"[listen]\npublic = '8080'", {"BILLSYNC_LISTEN"}},
      {"[listen]\npublic = ':8080'", {"BILLSYNC_LISTEN"}},
      {"[listen]\nadmin = 'localhost:99999'", {"BILLSYNC_ADMIN_LISTEN"}},
      {"[listen]\nadmin = 'localhost:'", {"BILLSYNC_ADMIN_LISTEN"}},
      {"[listen]\ntls_key_file = 'k'", {"listen.tls_certificate_file"}},
      {"[listen]\ntls_certificate_file = 'c'", {"listen.tls_certificate_file"}},
      {"[listen]\nmax_connections = 15", {"listen.max_connections"}},
      {"[listen]\nmax_connections_per_peer = -1", {"listen.max_connections_per_peer"}},
      {"[customers]\nlink_by_email = 'yes'", {"customers.link_by_email"}},
      {"[entitlement]\ngrace_days = -1", {"entitlement.grace_days"}},
      {"[entitlement]\nsilence_days = 0", {"entitlement.silence_days"}},
      {"[jobs]\nrollup_every_s = 0", {"jobs.rollup_every_s"}},
      {"[jobs]\nrollup_every_s = 0.1", {"jobs.rollup_every_s"}},
      {"[jobs]\nrollup_every_s = nan", {"jobs.rollup_every_s"}},
      {"[jobs]\nrollup_every_s = true", {"jobs.rollup_every_s"}},
      {"[jobs]\nrollup_every_s = '2'", {"jobs.rollup_every_s"}},
      {"[usage]\nclose_after_days = -1", {"usage.close_after_days"}},
      {"[jobs]\nquota_reset_every_s = 86401", {"jobs.quota_reset_every_s"}},
      {"[jobs]\nentitlement_sweep_every_s = 1.5", {"jobs.entitlement_sweep_every_s"}},
      {"[log]\nlevel = 'loud'", {"log.level"}},
      {"add_ons = 'price_1'", {"add_ons"}},
      {"add_ons = ['price_1', 2]", {"add_ons"}},
      {"add_ons = ['price_1', ' ']", {"add_ons"}},
      {"[plan]\ntier = 'pro'", {"plan"}},
      {"[[plan]]\nprices = ['p']", {"plan[0].tier"}},
      {"[[plan]]\ntier = 'gold'", {"plan[0].tier"}},
      {"[[plan]]\ntier = 'pro'\nmonthly_runs_quota = -1", {"plan[pro].monthly_runs_quota"}},
      {"[[plan]]\ntier = 'pro'\nprices = 'p'", {"plan[pro].prices"}},
      {"[[plan]]\ntier = 'pro'\nproducts = [1]", {"plan[pro].products"}},
      {"[[plan]]\ntier = 'pro'\nlookup_keys = ['']", {"plan[pro].lookup_keys"}},
      {"[[plan]]\ntier = 'pro'\nprice = ['p']", {"plan[pro].price"}},
      // One price or feature cannot buy two tiers, nor be an add-on besides; no tier is described twice.
      {"[[plan]]\ntier = 'pro'\nprices = ['p']\n[[plan]]\ntier = 'enterprise'\nprices = ['p']", {"plan"}},
      {"[[plan]]\ntier = 'pro'\nproducts = ['p']\n[[plan]]\ntier = 'enterprise'\nproducts = ['p']", {"plan"}},
      {"[[plan]]\ntier = 'pro'\nlookup_keys = ['k']\n[[plan]]\ntier = 'free'\nlookup_keys = ['k']", {"plan"}},
      {"[[plan]]\ntier = 'pro'\nfeatures = ['f']\n[[plan]]\ntier = 'free'\nfeatures = ['f']", {"plan"}},
      {"[[plan]]\ntier = 'pro'\nfeatures = 'f'", {"plan[pro].features"}},
      {"add_ons = ['p']\n[[plan]]\ntier = 'pro'\nprices = ['p']", {"plan"}},
      {"[[plan]]\ntier = 'pro'\n[[plan]]\ntier = 'pro'", {"plan"}},
  };
  for (const auto& c : cases) EXPECT_EQ(FaultKeys(c.toml), c.keys) << c.toml;
}

TEST(ConfigFile, RefusesKeysItDoesNotKnow) {
  EXPECT_EQ(FaultKeys("listen_on = 1"), Keys{"listen_on"});
  EXPECT_EQ(FaultKeys("[database]\nsesions = 8"), Keys{"database.sesions"});
  EXPECT_EQ(FaultKeys("[webhooks]\ntolerance_s = 8"), Keys{"webhooks.tolerance_s"});
  EXPECT_EQ(FaultKeys("[database.more]\nx = 1"), Keys{"database.more"});
}

TEST(ConfigFile, RefusesAKeyInTheWrongPlace) {
  EXPECT_EQ(FaultKeys("database = 'postgresql://here/db'"), Keys{"database"});
  EXPECT_EQ(FaultKeys("[[database]]\nsessions = 8"), Keys{"database"});
  // What follows a section belongs to it: the mistake that the order of config/billsync.toml avoids.
  EXPECT_EQ(FaultKeys("[log]\nlevel = 'info'\nadd_ons = ['price_1']"), Keys{"log.add_ons"});
}

TEST(ConfigFile, TellsTheLineOfATextThatIsNotToml) {
  const auto config = LoadText("[log]\nlevel = 'info'\nlevel: debug\n");
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().size(), 1U);
  EXPECT_TRUE(config.error()[0].reason.starts_with("line 3: ")) << config.error()[0].reason;
}

TEST(ConfigFile, ReportsEveryFaultAtOnce) {
  const auto keys = FaultKeys(
      "surprise = 1\n[database]\nsessions = 0\n[webhook]\ntolerance_s = 'long'\n[log]\nlevel = 'loud'\n"
      "[listen]\npublic = 'here'\n[[plan]]\ntier = 'gold'\nprices = 1\n",
      {{"STRIPE_WEBHOOK_SECRET", ""}, {"BILLSYNC_LIVEMODE", "yes"}, {"BILLSYNC_ADMIN_TOKEN", "ops="}});
  EXPECT_EQ(keys, (Keys{"BILLSYNC_ADMIN_TOKEN", "BILLSYNC_LISTEN", "BILLSYNC_LIVEMODE", "STRIPE_WEBHOOK_SECRET",
                        "database.sessions", "log.level", "plan[0].prices", "plan[0].tier", "surprise",
                        "webhook.tolerance_s"}));
}

// The documented default is the built-in default: what a reader sees there is what he gets without it.
TEST(ConfigFile, DocumentsTheBuiltInDefaults) {
  const auto documented = LoadConfig(BILLSYNC_SOURCE_DIR "/config/billsync.toml", EnvironmentOf({}));
  ASSERT_TRUE(documented) << documented.error()[0].key << " " << documented.error()[0].reason;
  const auto built_in = LoadConfig(std::nullopt, EnvironmentOf({}));
  ASSERT_TRUE(built_in);
  EXPECT_EQ(Written(*documented), Written(*built_in));
  EXPECT_EQ(Written(*documented), Written(Config{}));
  const billing::PlanMap as_documented(documented->plans, documented->add_ons), as_built({}, {});
  for (const auto tier : {billing::Tier::kFree, billing::Tier::kPro, billing::Tier::kEnterprise}) {
    EXPECT_EQ(as_documented.Quota(tier), as_built.Quota(tier)) << billing::Name(tier);
  }
}

TEST(ConfigFile, CoversTheDemosPrices) {
  const auto demo = LoadConfig(BILLSYNC_SOURCE_DIR "/fixtures/demo/billsync.toml", EnvironmentOf({}));
  ASSERT_TRUE(demo) << demo.error()[0].key << " " << demo.error()[0].reason;
  const billing::PlanMap map(demo->plans, demo->add_ons);
  const auto tier = [&](const char* price) { return std::get<billing::Tier>(map.Meaning({price, {}, {}, {}})); };
  EXPECT_EQ(tier("price_demo_pro_monthly"), billing::Tier::kPro);
  EXPECT_EQ(tier("price_demo_enterprise_monthly"), billing::Tier::kEnterprise);
  EXPECT_TRUE(std::holds_alternative<billing::AddOn>(map.Meaning({"price_demo_seat_addon", {}, {}, {}})));
  EXPECT_TRUE(std::holds_alternative<billing::UnknownPrice>(map.Meaning({"price_demo_mystery", {}, {}, {}})));
}

}  // namespace
}  // namespace billsync::app
