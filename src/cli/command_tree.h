// What the command line understands, as data: completion and the man page are made from it, so they cannot drift.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace billsync::cli {

// One option or positional of a command.
struct OptionFacts {
  std::vector<std::string> names;  // "-h", "--help"; of a positional only "NAME"
  std::string description, default_text;
  std::string variable;              // of the environment, that sets it too; empty if none
  std::vector<std::string> choices;  // the only values it takes; empty: any
  bool positional = false, takes_value = false, repeats = false, required = false;
};

// One command with what stands below it, in the order of --help.
struct CommandFacts {
  std::string path;  // "billsync events list"
  std::string description;
  std::vector<OptionFacts> options;
  std::vector<CommandFacts> commands;
};

// Reads `app`, which has all its commands.
CommandFacts ReadCommands(const CLI::App& app);

// The command and all below it, parents first.
std::vector<const CommandFacts*> Flatten(const CommandFacts& root);

}  // namespace billsync::cli
