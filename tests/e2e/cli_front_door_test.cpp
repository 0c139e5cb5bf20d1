// The program's front door: help, wrong usage, configuration and its faults, ports.
#include <gtest/gtest.h>

#include "e2e/commands.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

using Command = std::vector<std::string>;

TEST(FrontDoor, TellsItsVersion) {
  const auto result = RunProgram({"--version"}, {});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "billsync 0.1.0\n");
  EXPECT_EQ(result.err, "");
}

TEST(FrontDoor, HelpsOnEveryLevelWithoutAnyConfiguration) {
  const std::vector<Command> commands = {{},
                                         {"serve"},
                                         {"migrate"},
                                         {"doctor"},
                                         {"send"},
                                         {"events"},
                                         {"events", "list"},
                                         {"events", "show"},
                                         {"events", "retry"},
                                         {"events", "replay"},
                                         {"rollup"},
                                         {"reset-quotas"},
                                         {"export"},
                                         {"jobs"},
                                         {"jobs", "list"},
                                         {"jobs", "run"}};
  for (Command command : commands) {
    const std::string name = command.empty() ? "billsync" : command.back();
    command.emplace_back("--help");
    const auto result = RunProgram(command, {});
    EXPECT_EQ(result.status, 0) << name;
    EXPECT_NE(result.out.find("Usage: "), std::string::npos) << name;
    EXPECT_NE(result.out.find(name), std::string::npos) << name;
    EXPECT_EQ(result.err, "") << name;
  }
  // The top level names every command.
  const auto top = RunProgram({"--help"}, {});
  for (const Command& command : commands) {
    if (command.size() == 1) {
      EXPECT_NE(top.out.find("\n  " + command[0]), std::string::npos) << command[0] << top.out;
    }
  }
}

TEST(FrontDoor, RefusesWhatItDoesNotKnow) {
  for (const Command& command : std::vector<Command>{{},
                                                     {"fly"},
                                                     {"events"},
                                                     {"events", "burn"},
                                                     {"jobs"},
                                                     {"serve", "now"},
                                                     {"migrate", "--force"},
                                                     {"--log-level", "loud", "doctor"},
                                                     {"--config", "/nowhere/at/all", "doctor"},
                                                     {"events", "list", "--limit", "0"},
                                                     {"events", "list", "--limit", "many"},
                                                     {"events", "show"}}) {
    const auto result = RunProgram(command, {});
    EXPECT_EQ(result.status, 2) << (command.empty() ? "" : command.back());
    EXPECT_NE(result.err, "") << (command.empty() ? "" : command.back());
    EXPECT_EQ(result.out, "") << (command.empty() ? "" : command.back());
  }
}

TEST(FrontDoor, NamesTheWordItDoesNotKnowEvenBesideHelp) {
  for (const auto& [command, told] : std::vector<std::pair<Command, std::string>>{
           {{"nosuch"}, "unknown command 'nosuch'; see: billsync --help"},
           {{"nosuch", "--help"}, "unknown command 'nosuch'; see: billsync --help"},
           {{"--nosuch"}, "unknown option '--nosuch'; see: billsync --help"},
           {{"events", "burn"}, "unknown command 'burn'; see: billsync events --help"},
           {{"events", "burn", "--help"}, "unknown command 'burn'; see: billsync events --help"},
           {{"serve", "now", "--help"}, "unknown argument 'now'; see: billsync serve --help"}}) {
    const auto result = RunProgram(command, {});
    EXPECT_EQ(result.status, 2) << told;
    EXPECT_EQ(result.err, "billsync: " + told + "\n");
    EXPECT_EQ(result.out, "") << told;
  }
  EXPECT_EQ(RunProgram({"events"}, {}).err.find("unknown"), std::string::npos);
}

TEST(FrontDoor, RefusesATlsFileThatIsNotThereWithTheOtherFaults) {
  const Workplace place;
  const std::string file = place.Put("tls.toml", "[listen]\ntls_certificate_file = '/nowhere/c.pem'\ntls_key_file = '" +
                                                     place.Put("empty.pem", "") + "'\n");
  const auto result =
      RunProgram({"--config", file, "serve"}, {{"DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none"}});
  EXPECT_EQ(result.status, 2);
  for (const char* fault : {"\n  STRIPE_WEBHOOK_SECRET is not set",
                            "\n  listen.tls_certificate_file names /nowhere/c.pem", "\n  listen.tls_key_file names "}) {
    EXPECT_NE(result.err.find(fault), std::string::npos) << result.err;
  }
}

TEST(FrontDoor, ReportsEveryFaultOfAConfigurationAtOnceWithItsKey) {
  const Workplace place;
  const std::string file =
      place.Put("bad.toml", "surprise = 1\n[database]\nsessions = 1\n[log]\nlevel = 'loud'\n[[plan]]\ntier = 'gold'\n");
  const std::map<std::string, std::string> environment = {{"DATABASE_URL_FILE", place.path() + "/nothing"},
                                                          {"STRIPE_WEBHOOK_SECRET", "a=whsec_hidden,a=whsec_hidden"},
                                                          {"BILLSYNC_ADMIN_TOKEN", "boss=hidden"},
                                                          {"BILLSYNC_LIVEMODE", "perhaps"},
                                                          {"STRIPE_API_BASE", "api.stripe.com"},
                                                          {"BILLSYNC_LISTEN", "everywhere"}};
  for (const Command& command : std::vector<Command>{{"serve"}, {"migrate"}, {"events", "list"}, {"rollup"}}) {
    Command whole = {"--config", file};
    whole.insert(whole.end(), command.begin(), command.end());
    const auto result = RunProgram(whole, environment);
    EXPECT_EQ(result.status, 2) << command[0];
    for (const char* key :
         {"surprise", "database.sessions", "log.level", "plan[0].tier", "DATABASE_URL_FILE", "STRIPE_WEBHOOK_SECRET",
          "BILLSYNC_ADMIN_TOKEN", "BILLSYNC_LIVEMODE", "STRIPE_API_BASE", "BILLSYNC_LISTEN"}) {
      EXPECT_NE(result.err.find("\n  " + std::string(key) + " "), std::string::npos) << key << "\n" << result.err;
    }
    EXPECT_EQ(result.err.find("hidden"), std::string::npos) << result.err;
  }
}

TEST(FrontDoor, RefusesToStartWithoutWhatServeNeeds) {
  const auto nothing = RunProgram({"serve"}, {});
  EXPECT_EQ(nothing.status, 2);
  EXPECT_NE(nothing.err.find("\n  DATABASE_URL is not set"), std::string::npos) << nothing.err;
  EXPECT_NE(nothing.err.find("\n  STRIPE_WEBHOOK_SECRET is not set"), std::string::npos) << nothing.err;
  const Workplace place;
  for (const std::map<std::string, std::string>& secret : std::vector<std::map<std::string, std::string>>{
           {{"STRIPE_WEBHOOK_SECRET", ""}},
           {{"STRIPE_WEBHOOK_SECRET", "  "}},
           {{"STRIPE_WEBHOOK_SECRET", "whsec_1,"}},
           {{"STRIPE_WEBHOOK_SECRET", "old="}},
           {{"STRIPE_WEBHOOK_SECRET_FILE", place.Put("empty", "\n")}},
       }) {
    auto environment = secret;
    environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none";
    const auto result = RunProgram({"serve"}, environment);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_NE(result.err.find(secret.begin()->first), std::string::npos) << result.err;
  }
}

TEST(FrontDoor, ReadsSecretsOutOfFilesWithoutTheNewlineAtTheirEnd) {
  TestDatabase database;
  const Workplace place;
  RunningService service(database.url(),
                         {{"DATABASE_URL_FILE", place.Put("url", database.url() + "\n")},
                          {"STRIPE_WEBHOOK_SECRET_FILE", place.Put("secret", std::string(kSecret) + "\r\n")},
                          {"BILLSYNC_ADMIN_TOKEN_FILE", place.Put("token", "ops=0123456789abcdef\n")}});
  const std::string body = Event("evt_1", "charge.succeeded", R"({"id":"ch_1","object":"charge"})");
  EXPECT_EQ(PostEvent(service.port(), body, SignIndependently(body)).status, 200);
  EXPECT_EQ(Get(service.admin_port(), "/metrics", "0123456789abcdef").status, 200);
  const auto list = RunProgram({"events", "list", "--json"}, {{"DATABASE_URL_FILE", place.path() + "/url"}});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_NE(list.out.find("evt_1"), std::string::npos);
}

TEST(FrontDoor, ReadsTheConfigurationFileNamedInTheEnvironment) {
  const Workplace place;
  const std::string file = place.Put("bad.toml", "surprise = 1\n");
  const auto result = RunProgram({"events", "list"}, {{"BILLSYNC_CONFIG", file}});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("surprise"), std::string::npos) << result.err;
}

TEST(FrontDoor, ASecondServeOnTheSamePortSaysSo) {
  TestDatabase database;
  RunningService service(database.url());
  const auto port = [](uint16_t number) { return "127.0.0.1:" + std::to_string(number); };
  const auto second = Billsync(database, {"serve"}, {{"BILLSYNC_LISTEN", port(service.port())}});
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find("cannot listen on " + port(service.port()) + ": Address already in use"), std::string::npos)
      << second.err;
  const auto admin = Billsync(database, {"serve"},
                              {{"BILLSYNC_LISTEN", "127.0.0.1:0"},
                               {"BILLSYNC_ADMIN_LISTEN", port(service.admin_port())},
                               {"BILLSYNC_ADMIN_TOKEN", "ops=0123456789abcdef"}});
  EXPECT_EQ(admin.status, 1);
  EXPECT_NE(admin.err.find("cannot listen on " + port(service.admin_port())), std::string::npos) << admin.err;
  EXPECT_EQ(Get(service.port(), "/readyz").status, 200);  // the first one does not mind
}

TEST(FrontDoor, ASecondServeOnTheSameDatabaseSharesTheWork) {
  TestDatabase database;
  AddUser(database, 1, "ada", "cus_1");
  RunningService first(database.url()), second(database.url());
  for (int i = 0; i < 20; ++i) {
    const std::string body =
        SubscriptionEvent("evt_" + std::to_string(100 + i), "sub_1", "cus_1", "active", Now() - 30 + i);
    EXPECT_EQ(PostEvent(i % 2 == 0 ? first.port() : second.port(), body, SignInBulk(body)).status, 200);
  }
  EXPECT_TRUE(Eventually(
      [&] { return database.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied'") == "20"; }));
  EXPECT_EQ(database.Value("SELECT last_event_id FROM billing_subscriptions"), "evt_119");
  EXPECT_EQ(database.Value("SELECT count(*) FROM billing_plan_changes"), "1");
}

}  // namespace
}  // namespace billsync::testing
