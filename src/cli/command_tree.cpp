#include "command_tree.h"

namespace billsync::cli {
namespace {

// CLI11 writes what IsMember takes into the type's name, "TEXT:{csv,xlsx}"; there is no other way to it.
std::vector<std::string> ChoicesOf(const std::string& type) {
  const size_t from = type.find(":{");
  if (from == std::string::npos || !type.ends_with('}')) return {};
  return CLI::detail::split(type.substr(from + 2, type.size() - from - 3), ',');
}

OptionFacts Facts(const CLI::Option& option) {
  OptionFacts facts;
  facts.description = option.get_description();
  facts.default_text = option.get_default_str();
  facts.variable = option.get_envname();
  facts.positional = option.get_positional();
  if (facts.positional) {
    facts.names.push_back(option.get_name(true));
  } else {
    for (const auto& name : option.get_snames()) facts.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) facts.names.push_back("--" + name);
  }
  facts.choices = ChoicesOf(option.get_type_name());
  facts.takes_value = option.get_items_expected_max() > 0;
  facts.repeats = option.get_items_expected_max() > 1;
  facts.required = option.get_required();
  return facts;
}

CommandFacts Read(const CLI::App& app, const std::string& path) {
  CommandFacts facts{.path = path, .description = app.get_description(), .options = {}, .commands = {}};
  for (const auto* option : app.get_options()) facts.options.push_back(Facts(*option));
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    facts.commands.push_back(Read(*command, path + " " + command->get_name()));
  }
  return facts;
}

}  // namespace

CommandFacts ReadCommands(const CLI::App& app) {
  return Read(app, app.get_name());
}

std::vector<const CommandFacts*> Flatten(const CommandFacts& root) {
  std::vector<const CommandFacts*> all = {&root};
  for (const auto& command : root.commands) {
    const auto below = Flatten(command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

}  // namespace billsync::cli
