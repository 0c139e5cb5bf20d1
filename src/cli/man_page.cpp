#include <algorithm>
#include <iostream>
#include <map>
#include <string_view>

#include "billsync/base/version.h"
#include "command_tree.h"
#include "context.h"

namespace billsync::cli {
namespace {

// A line of text as roff takes it: nothing in it is read as a request or an escape.
std::string Roff(std::string_view text) {
  std::string out;
  constexpr std::string_view kEllipsis = "…";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.substr(i).starts_with(kEllipsis)) {  // not every terminal's roff has it
      out += "...";
      i += kEllipsis.size() - 1;
      continue;
    }
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\n') {
      out += "\n.br\n";
    } else {
      out += c;
    }
  }
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

std::string Bold(std::string_view text) {
  return "\\fB" + Roff(text) + "\\fR";
}

std::string Italic(std::string_view text) {
  return "\\fI" + Roff(text) + "\\fR";
}

// "--layout breakdown|wide|long"
std::string Head(const OptionFacts& option) {
  std::string head;
  for (const auto& name : option.names) {
    head += (head.empty() ? "" : ", ") + (option.positional ? Italic(name) : Bold(name));
  }
  std::string value = option.positional ? "" : "VALUE";
  if (!option.choices.empty() && !option.positional) {
    value.clear();
    for (const auto& choice : option.choices) value += (value.empty() ? "" : "|") + choice;
  }
  if (option.takes_value && !value.empty()) head += " " + Italic(value);
  return head + (option.repeats ? " ..." : "");
}

void PrintOptions(const CommandFacts& command, bool with_help) {
  for (const auto& option : command.options) {
    const bool is_help = std::ranges::find(option.names, "--help") != option.names.end();
    if (is_help && !with_help) continue;
    std::cout << ".TP\n" << Head(option) << "\n" << Roff(option.description);
    if (!option.default_text.empty()) std::cout << " (default: " << Roff(option.default_text) << ")";
    if (!option.variable.empty()) std::cout << "; also the environment variable " << Bold(option.variable);
    std::cout << ".\n";
  }
}

std::string Synopsis(const CommandFacts& command) {
  std::string line = Bold(command.path);
  const bool any = std::ranges::any_of(command.options, [](const auto& option) { return !option.positional; });
  if (any) line += " [" + Italic("OPTION") + "]...";
  for (const auto& option : command.options) {
    if (!option.positional) continue;
    const std::string one = Italic(option.names.front()) + (option.repeats ? "..." : "");
    line += option.required ? " " + one : " [" + one + "]";
  }
  return line;
}

void PrintEnvironment() {
  const std::map<std::string, std::string_view> meanings = {
      {"DATABASE_URL", "libpq URL or keyword string of the platform's database"},
      {"STRIPE_WEBHOOK_SECRET", "the endpoint's signing secrets, by commas, each optionally name=whsec_..."},
      {"STRIPE_API_KEY", "key of Stripe's API, for what asks it"},
      {"STRIPE_API_BASE", "address of Stripe's API"},
      {"BILLSYNC_LISTEN", "HOST:PORT of the public listener"},
      {"BILLSYNC_ADMIN_LISTEN", "HOST:PORT of the admin listener"},
      {"BILLSYNC_ADMIN_TOKEN", "tokens of the admin listener, by commas: finance=TOKEN,ops=TOKEN"},
      {"BILLSYNC_LIVEMODE", "true, false or any: events of the other mode are stored and ignored"}};
  // What is asked for is what there is.
  std::vector<std::string> asked;
  const auto remember = [&](const std::string& name) -> std::optional<std::string> {
    if (!name.ends_with("_FILE")) asked.push_back(name);
    return std::nullopt;
  };
  static_cast<void>(app::LoadConfig(std::nullopt, remember));
  std::cout << ".SH ENVIRONMENT\nEach wins over the configuration file, and may be given as " << Italic("NAME")
            << "_FILE, a file that holds it.\n";
  for (const auto& name : asked) {
    const auto meaning = meanings.find(name);
    std::cout << ".TP\n"
              << Bold(name) << "\n"
              << Roff(meaning == meanings.end() ? "see the configuration file" : meaning->second) << ".\n";
  }
}

void PrintExitStatus() {
  std::cout << ".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nFailed.\n.TP\n2\nWrong usage or configuration.\n.TP\n3\n"
               "Done, but something needs attention: drift, parked events, findings.\n";
}

void PrintManPage(const CommandFacts& root) {
  std::cout << ".\\\" Made by: billsync man\n.TH BILLSYNC 1 \"\" \"billsync " << ProgramVersion() << "\"\n";
  std::cout << ".SH NAME\nbillsync \\- " << Roff("keeps a PostgreSQL platform database and Stripe in step") << "\n";
  std::cout << ".SH SYNOPSIS\n"
            << Bold("billsync") << " [" << Italic("OPTION") << "]... " << Italic("COMMAND") << " ["
            << Italic("ARGUMENT") << "]...\n";
  std::cout << ".SH DESCRIPTION\n"
            << Roff(
                   "billsync stores Stripe's signed events, applies them to the platform's tables, turns agent runs "
                   "into usage, closes months and writes finance's files.")
            << "\n.SH OPTIONS\n";
  PrintOptions(root, true);
  std::cout << ".SH COMMANDS\n";
  for (const auto* command : Flatten(root)) {
    if (command == &root) continue;
    std::cout << ".SS " << Synopsis(*command) << "\n" << Roff(command->description) << ".\n";
    PrintOptions(*command, false);
  }
  PrintExitStatus();
  PrintEnvironment();
  std::cout << ".SH FILES\n"
            << Roff("config/billsync.toml of the sources has every key of the configuration file with its default.")
            << "\n";
}

}  // namespace

void AddMan(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("man", "print the manual page: billsync man | man -l -");
  command->callback([&app, &context] {
    context.run = [&app] {
      PrintManPage(ReadCommands(app));
      return kDone;
    };
  });
}

}  // namespace billsync::cli
