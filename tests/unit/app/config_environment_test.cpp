// The environment over the file, secrets out of files of their own, and what a command cannot do without.
#include "config_source.h"

namespace billsync::app {
namespace {

using Keys = std::vector<std::string>;

TEST(ConfigEnvironment, WinsOverTheFile) {
  const TextFile secret("whsec_of_the_file"), token("finance=token-of-the-file"), key("sk_of_the_file");
  const std::string toml = "[database]\nurl = 'file'\n[webhook]\nlivemode = 'true'\nsecrets_file = '" + secret.path() +
                           "'\n[listen]\npublic = '127.0.0.1:1'\nadmin = '127.0.0.1:2'\n[admin]\ntokens_file = '" +
                           token.path() + "'\n[stripe]\napi_key_file = '" + key.path() +
                           "'\napi_base = 'https://file'\n";
  const Config file = Loaded(toml);
  EXPECT_EQ(file.database_url, "file");
  ASSERT_EQ(file.webhook_secrets.size(), 1U);
  EXPECT_EQ(file.webhook_secrets[0].secret.Reveal(), "whsec_of_the_file");

  const Config config = Loaded(toml, {{"DATABASE_URL", "environment"},
                                      {"STRIPE_WEBHOOK_SECRET", "whsec_e"},
                                      {"STRIPE_API_KEY", "sk_e"},
                                      {"STRIPE_API_BASE", "http://e"},
                                      {"BILLSYNC_LISTEN", "127.0.0.1:3"},
                                      {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:4"},
                                      {"BILLSYNC_ADMIN_TOKEN", "ops=token-of-environment"},
                                      {"BILLSYNC_LIVEMODE", "false"}});
  EXPECT_EQ(config.database_url, "environment");
  ASSERT_EQ(config.webhook_secrets.size(), 1U);  // replaced, not added to
  EXPECT_EQ(config.webhook_secrets[0].secret.Reveal(), "whsec_e");
  EXPECT_EQ(config.stripe_api_key.Reveal(), "sk_e");
  EXPECT_EQ(config.stripe_api_base, "http://e");
  EXPECT_EQ(config.listen, "127.0.0.1:3");
  EXPECT_EQ(config.admin_listen, "127.0.0.1:4");
  ASSERT_EQ(config.admin_tokens.size(), 1U);
  EXPECT_EQ(config.admin_tokens[0].role, admin::Role::kOps);
  EXPECT_EQ(config.livemode, Livemode::kTest);
}

TEST(ConfigEnvironment, ReadsEveryVariableOutOfAFileToo) {
  const TextFile url("postgresql://secret@here/db\n"), secrets("whsec_1\n"), key(" sk_1 \r\n"),
      token("ops=0123456789abcdef\n");
  const Config config = Loaded("", {{"DATABASE_URL_FILE", url.path()},
                                    {"STRIPE_WEBHOOK_SECRET_FILE", secrets.path()},
                                    {"STRIPE_API_KEY_FILE", key.path()},
                                    {"BILLSYNC_ADMIN_TOKEN_FILE", token.path()}});
  EXPECT_EQ(config.database_url, "postgresql://secret@here/db");
  ASSERT_EQ(config.webhook_secrets.size(), 1U);
  EXPECT_EQ(config.webhook_secrets[0].secret.Reveal(), "whsec_1");
  EXPECT_EQ(config.stripe_api_key.Reveal(), "sk_1");
  ASSERT_EQ(config.admin_tokens.size(), 1U);
  EXPECT_EQ(config.admin_tokens[0].secret.Reveal(), "0123456789abcdef");
}

TEST(ConfigEnvironment, FaultsFilesThatAreEmptyMissingOrBesideTheVariable) {
  const TextFile empty(" \n"), good("whsec_1");
  EXPECT_EQ(FaultKeys("", {{"STRIPE_WEBHOOK_SECRET_FILE", empty.path()}}), Keys{"STRIPE_WEBHOOK_SECRET_FILE"});
  EXPECT_EQ(FaultKeys("", {{"STRIPE_WEBHOOK_SECRET_FILE", "/nowhere/at/all"}}), Keys{"STRIPE_WEBHOOK_SECRET_FILE"});
  EXPECT_EQ(FaultKeys("", {{"STRIPE_WEBHOOK_SECRET_FILE", ""}}), Keys{"STRIPE_WEBHOOK_SECRET_FILE"});
  EXPECT_EQ(FaultKeys("", {{"STRIPE_WEBHOOK_SECRET_FILE", "/"}}), Keys{"STRIPE_WEBHOOK_SECRET_FILE"});
  EXPECT_EQ(FaultKeys("", {{"STRIPE_WEBHOOK_SECRET", "whsec_1"}, {"STRIPE_WEBHOOK_SECRET_FILE", good.path()}}),
            Keys{"STRIPE_WEBHOOK_SECRET"});
}

TEST(ConfigEnvironment, FaultsAVariableThatIsSetButEmpty) {
  for (const char* name : {"DATABASE_URL", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_KEY", "STRIPE_API_BASE",
                           "BILLSYNC_LISTEN", "BILLSYNC_ADMIN_LISTEN", "BILLSYNC_ADMIN_TOKEN", "BILLSYNC_LIVEMODE"}) {
    EXPECT_EQ(FaultKeys("", {{name, ""}}), Keys{name});
    EXPECT_EQ(FaultKeys("", {{name, " \n"}}), Keys{name});
  }
}

TEST(ConfigEnvironment, NamesTheSecretsOfARotation) {
  const auto names = [](const char* text) {
    std::vector<std::string> out;
    for (const auto& one : Loaded("", {{"STRIPE_WEBHOOK_SECRET", text}}).webhook_secrets) {
      out.push_back(one.name + ":" + one.secret.Reveal());
    }
    return out;
  };
  EXPECT_EQ(names("whsec_a"), Keys{"secret1:whsec_a"});
  EXPECT_EQ(names("whsec_a,whsec_b"), (Keys{"secret1:whsec_a", "secret2:whsec_b"}));
  EXPECT_EQ(names("old=whsec_a , new = whsec_b"), (Keys{"old:whsec_a", "new:whsec_b"}));
  EXPECT_EQ(names("old=whsec_a,whsec_b"), (Keys{"old:whsec_a", "secret2:whsec_b"}));
}

TEST(ConfigEnvironment, FaultsSecretsThatAreEmptyOrNamedTwice) {
  for (const char* text :
       {",", "whsec_a,", ",whsec_a", "old=", "=whsec_a", "old=whsec_a,old=whsec_b", "secret2=whsec_a,whsec_b"}) {
    const auto keys = FaultKeys("", {{"STRIPE_WEBHOOK_SECRET", text}});
    ASSERT_FALSE(keys.empty()) << text;
    for (const auto& key : keys) EXPECT_EQ(key, "STRIPE_WEBHOOK_SECRET") << text;
  }
}

TEST(ConfigEnvironment, FaultsTokensWithoutARoleOrEmptyAndTakesShortOnes) {
  for (const char* text : {"0123456789abcdef", "admin=0123456789abcdef", "ops=", "ops= ", "finance=,ops=x",
                           "ops=0123456789abcdef,", "OPS=0123456789abcdef"}) {
    EXPECT_EQ(FaultKeys("", {{"BILLSYNC_ADMIN_TOKEN", text}}), Keys{"BILLSYNC_ADMIN_TOKEN"}) << text;
  }
  EXPECT_EQ(Loaded("", {{"BILLSYNC_ADMIN_TOKEN", "ops=with=equals=signs1"}}).admin_tokens[0].secret.Reveal(),
            "with=equals=signs1");
  const auto tokens =
      Loaded("", {{"BILLSYNC_ADMIN_TOKEN", "ops=0123456789abcde,finance=0123456789abcdef"}}).admin_tokens;
  ASSERT_EQ(tokens.size(), 2U);
  EXPECT_TRUE(tokens[0].IsShort());
  EXPECT_FALSE(tokens[1].IsShort());
}

TEST(ConfigEnvironment, FaultsAnAddressOfStripeThatIsNotHttp) {
  for (const char* text : {"api.stripe.com", "ftp://api.stripe.com", "https://", "https:///v1", "https://:443", "HTTPS",
                           "https://a b", "://x"}) {
    EXPECT_EQ(FaultKeys("", {{"STRIPE_API_BASE", text}}), Keys{"STRIPE_API_BASE"}) << text;
  }
  for (const char* text : {"https://api.stripe.com", "http://127.0.0.1:12111/v1"}) {
    EXPECT_EQ(Loaded("", {{"STRIPE_API_BASE", text}}).stripe_api_base, text);
  }
}

// A fault is printed: it must never hold what it complains about.
TEST(ConfigEnvironment, NeverPrintsASecretInAFault) {
  const auto config = LoadText("", {{"STRIPE_WEBHOOK_SECRET", "a=whsec_hidden,a=whsec_hidden"},
                                    {"BILLSYNC_ADMIN_TOKEN", "boss=hidden-token-hidden,hidden"}});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().size(), 3U);
  for (const auto& fault : config.error()) {
    EXPECT_EQ(fault.reason.find("hidden"), std::string::npos) << fault.reason;
  }
}

TEST(ConfigEnvironment, SaysWhatACommandCannotDoWithout) {
  const auto keys = [](const std::vector<ConfigFault>& faults) {
    Keys out;
    for (const auto& fault : faults) out.push_back(fault.key);
    return out;
  };
  const Config nothing;
  EXPECT_EQ(keys(MissingForDatabase(nothing)), Keys{"DATABASE_URL"});
  EXPECT_EQ(keys(MissingForServe(nothing)), (Keys{"DATABASE_URL", "STRIPE_WEBHOOK_SECRET"}));
  const Config enough = Loaded("", {{"DATABASE_URL", "x"}, {"STRIPE_WEBHOOK_SECRET", "whsec_1"}});
  EXPECT_EQ(keys(MissingForServe(enough)), Keys{});

  const TextFile there("PEM"), empty("");
  Config tls = enough;
  tls.tls_certificate_file = there.path();
  tls.tls_key_file = there.path();
  EXPECT_EQ(keys(MissingForServe(tls)), Keys{});
  tls.tls_key_file = empty.path();
  EXPECT_EQ(keys(MissingForServe(tls)), Keys{"listen.tls_key_file"});
  tls.tls_certificate_file = "/";
  tls.webhook_secrets.clear();
  EXPECT_EQ(keys(MissingForServe(tls)),
            (Keys{"STRIPE_WEBHOOK_SECRET", "listen.tls_certificate_file", "listen.tls_key_file"}));
  EXPECT_EQ(keys(MissingForDatabase(tls)), Keys{}) << "other commands need no certificate";
}

}  // namespace
}  // namespace billsync::app
