// Completion and the manual page: made from the command line itself, so they have all of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <sstream>

#include "e2e/commands.h"

namespace billsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Shell(const std::string& script) {
  const Workplace place;
  FILE* pipe = ::popen(("bash '" + place.Put("script", script) + "' 2>&1").c_str(), "r");
  std::string out;
  std::array<char, 4096> piece{};
  while (pipe != nullptr && std::fgets(piece.data(), piece.size(), pipe) != nullptr) out += piece.data();
  if (pipe == nullptr || ::pclose(pipe) != 0) out += "(failed)";
  return out;
}

// What bash offers behind these words, the last of which is being typed.
std::string Offered(const std::vector<std::string>& words) {
  std::string line = "COMP_WORDS=(";
  for (const auto& word : words) line += "'" + word + "' ";
  line += "); COMP_CWORD=" + std::to_string(words.size() - 1) + "; _billsync; echo \" ${COMPREPLY[*]} \"\n";
  return Shell(RunProgram({"completion", "bash"}, {}).out + line);
}

// The commands of a --help, as its list of subcommands has them.
std::vector<std::string> CommandsIn(const std::string& help) {
  std::vector<std::string> found;
  const size_t list = help.find("Subcommands:");
  if (list == std::string::npos) return found;
  std::istringstream lines(help.substr(list));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && line.starts_with("  ")) {
    if (line[2] != ' ') found.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return found;
}

// The long options of a --help.
std::vector<std::string> OptionsIn(const std::string& help) {
  std::vector<std::string> found;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("--");
    if (line.starts_with("  -") && at < 8) found.push_back(line.substr(at, line.find_first_of(" ,", at) - at));
  }
  return found;
}

// Calls `see` with each command's words and its --help.
template <typename See>
void ForEachCommand(const std::vector<std::string>& words, const See& see) {
  std::vector<std::string> asking = words;
  asking.emplace_back("--help");
  const std::string help = RunProgram(asking, {}).out;
  see(words, help);
  for (const auto& command : CommandsIn(help)) {
    std::vector<std::string> below = words;
    below.push_back(command);
    ForEachCommand(below, see);
  }
}

TEST(Completion, OffersCommandsOptionsAndValues) {
  EXPECT_THAT(Offered({"billsync", "d"}), HasSubstr(" doctor "));
  EXPECT_EQ(Offered({"billsync", "events", "re"}), " retry replay \n");
  EXPECT_EQ(Offered({"billsync", "export", "--lay"}), " --layout \n");
  EXPECT_EQ(Offered({"billsync", "export", "--layout", ""}), " breakdown wide long \n");
  EXPECT_EQ(Offered({"billsync", "export", "--layout", "=", "w"}), " wide \n");
  EXPECT_EQ(Offered({"billsync", "export", "--layout=w"}), " --layout=wide \n") << "one word, as zsh has it";
  EXPECT_EQ(Offered({"billsync", "export", "sub"}), " subscriptions \n");
  EXPECT_EQ(Offered({"billsync", "events", "list", "--log-level", "e"}), " error \n");
  // A file is the shell's to complete, and no value of an option is taken for a command.
  EXPECT_EQ(Offered({"billsync", "--config", ""}), "  \n");
  EXPECT_THAT(Offered({"billsync", "--config", "events", ""}), HasSubstr(" doctor "));
  EXPECT_THAT(Offered({"billsync", "--config", "=", "events", ""}), HasSubstr(" doctor "));
}

TEST(Completion, KnowsEveryCommandAndOptionOfTheHelp) {
  const std::string script = RunProgram({"completion", "bash"}, {}).out;
  EXPECT_EQ(Shell(script), "");
  size_t commands = 0;
  ForEachCommand({}, [&](const std::vector<std::string>& words, const std::string& help) {
    std::string path = "billsync";
    for (const auto& word : words) path += " " + word;
    const size_t at = script.find("        \"" + path + "\") word=\"");
    ASSERT_NE(at, std::string::npos) << path;
    const std::string offered = script.substr(at, script.find('\n', at) - at);
    for (const auto& option : OptionsIn(help)) EXPECT_THAT(offered, HasSubstr(option)) << path;
    for (const auto& command : CommandsIn(help)) EXPECT_THAT(offered, HasSubstr(command)) << path;
    ++commands;
  });
  EXPECT_GE(commands, 25U);
  EXPECT_THAT(RunProgram({"completion", "zsh"}, {}).out, HasSubstr("bashcompinit"));
}

TEST(ManPage, HasEveryCommandOptionAndVariable) {
  const std::string page = RunProgram({"man"}, {}).out;
  EXPECT_THAT(page, HasSubstr(".TH BILLSYNC 1 \"\" \"billsync 0.1.0\""));
  std::string plain;  // without roff's escapes
  for (size_t i = 0; i < page.size(); ++i) {
    if (page[i] == '\\' && page[i + 1] == 'f')
      i += 2;
    else if (page[i] != '\\')
      plain += page[i];
  }
  ForEachCommand({}, [&](const std::vector<std::string>& words, const std::string& help) {
    std::string path = "billsync";
    for (const auto& word : words) path += " " + word;
    const size_t section = words.empty() ? plain.find(".SH OPTIONS") : plain.find(".SS " + path + " ");
    ASSERT_NE(section, std::string::npos) << path;
    const std::string own = plain.substr(section, plain.find("\n.S", section + 1) - section);
    for (const auto& option : OptionsIn(help)) {
      if (option == "--help" && !words.empty()) continue;
      EXPECT_THAT(own, HasSubstr(option)) << path;
    }
  });
  for (const char* variable :
       {"DATABASE_URL", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_KEY", "STRIPE_API_BASE", "BILLSYNC_LISTEN",
        "BILLSYNC_ADMIN_LISTEN", "BILLSYNC_ADMIN_TOKEN", "BILLSYNC_LIVEMODE", "BILLSYNC_CONFIG"}) {
    EXPECT_THAT(page, HasSubstr(variable));
  }
  EXPECT_THAT(page, Not(HasSubstr("see the configuration file")));
  // No line is taken for a request that is none.
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('.') && !line.starts_with('\'')) continue;
    const bool known = line.starts_with(".\\\" ") || line.starts_with(".TH ") || line.starts_with(".SH ") ||
                       line.starts_with(".SS ") || line == ".TP" || line == ".br";
    EXPECT_TRUE(known) << line;
  }
}

TEST(Install, PutsTheProgramItsCompletionAndItsManualPageInPlace) {
  const Workplace place;
  const std::string install = "cmake --install '" BILLSYNC_BINARY_DIR "' --prefix '" + place.path() + "' >/dev/null";
  ASSERT_EQ(Shell(install), "");
  for (const char* file : {"bin/billsync", "share/bash-completion/completions/billsync", "share/man/man1/billsync.1",
                           "share/doc/billsync/billsync.toml", "share/doc/billsync/alerts.yml"}) {
    EXPECT_TRUE(std::filesystem::exists(place.path() + "/" + file)) << file;
  }
  std::ifstream in(place.path() + "/share/bash-completion/completions/billsync", std::ios::binary);
  const std::string script{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(script, RunProgram({"completion", "bash"}, {}).out);
}

}  // namespace
}  // namespace billsync::testing
