#include <iostream>

#include "command_tree.h"
#include "context.h"

namespace billsync::cli {
namespace {

std::string LastWord(const std::string& path) {
  return path.substr(path.rfind(' ') + 1);
}

// In double quotes for the shell. Paths and choices are words of ours: nothing in them needs escaping.
std::string Quoted(const std::string& text) {
  return '"' + text + '"';
}

// A pattern of `case` that any of the words fits.
std::string Alternatives(const std::vector<std::string>& words) {
  std::string pattern;
  for (const auto& word : words) pattern += (pattern.empty() ? "" : "|") + word;
  return pattern;
}

// What may come next on each command: its options, commands and the values of its positionals.
std::string WordsOf(const CommandFacts& root, const CommandFacts& command) {
  std::vector<std::string> words;
  for (const auto& below : command.commands) words.push_back(LastWord(below.path));
  for (const auto& option : command.options) {
    words.insert(words.end(), option.choices.begin(),
                 option.positional ? option.choices.end() : option.choices.begin());
    if (!option.positional) words.insert(words.end(), option.names.begin(), option.names.end());
  }
  // Options of the program may stand behind a command too.
  if (&command != &root) {
    for (const auto& option : root.options) {
      if (option.takes_value) words.insert(words.end(), option.names.begin(), option.names.end());
    }
  }
  return JoinWords(words);
}

void PrintCommandCases(const std::vector<const CommandFacts*>& commands) {
  std::vector<std::string> paths;
  for (const auto* command : commands) {
    if (command != commands.front()) paths.push_back(Quoted(command->path));
  }
  std::cout << "    case \"$path $word\" in\n      " << Alternatives(paths) << ") path=\"$path $word\" ;;\n    esac\n";
}

// Patterns of "command option" for options that take a value: of the program behind any command, of a command there.
std::string PatternOf(const CommandFacts& root, const CommandFacts& command, const OptionFacts& option) {
  std::vector<std::string> patterns;
  for (const auto& name : option.names) {
    patterns.push_back(&command == &root ? "*" + Quoted(" " + name) : Quoted(command.path + " " + name));
  }
  return Alternatives(patterns);
}

void PrintValueCases(const CommandFacts& root, const std::vector<const CommandFacts*>& commands) {
  for (const auto* command : commands) {
    for (const auto& option : command->options) {
      if (option.positional || !option.takes_value) continue;
      std::cout << "    " << PatternOf(root, *command, option) << ") ";
      if (option.choices.empty()) {
        std::cout << "COMPREPLY=() ;;\n";  // the shell offers files
      } else {
        std::cout << "COMPREPLY=($(compgen -W " << Quoted(JoinWords(option.choices)) << " -- \"$cur\")) ;;\n";
      }
    }
  }
}

void PrintSkipCases(const CommandFacts& root, const std::vector<const CommandFacts*>& commands) {
  std::vector<std::string> patterns;
  for (const auto* command : commands) {
    for (const auto& option : command->options) {
      if (!option.positional && option.takes_value) patterns.push_back(PatternOf(root, *command, option));
    }
  }
  std::cout << "    case \"$path $word\" in\n      " << Alternatives(patterns)
            << ") [[ ${COMP_WORDS[i + 1]} == \"=\" ]] && ((i++)); ((i++)); continue ;;\n    esac\n";
}

void PrintBash(const CommandFacts& root) {
  const auto commands = Flatten(root);
  std::cout
      << "# Completion of billsync for bash; made by: billsync completion bash\n"
         "_billsync() {\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD - 1]}\"\n"
         "  local path=billsync word i before=\"\"\n"
         "  # --option=value comes as three words; from zsh, and where = breaks no words, as one.\n"
         "  [[ $cur == \"=\" ]] && cur=\"\" || { [[ $prev == \"=\" ]] && prev=\"${COMP_WORDS[COMP_CWORD - 2]}\"; }\n"
         "  [[ $cur == --*=* ]] && { prev=\"${cur%%=*}\"; before=\"$prev=\"; cur=\"${cur#*=}\"; }\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=\"${COMP_WORDS[i]}\"\n";
  PrintSkipCases(root, commands);
  PrintCommandCases(commands);
  std::cout << "  done\n"
               "  case \"$path $prev\" in\n";
  PrintValueCases(root, commands);
  std::cout << "    *)\n"
               "      case \"$path\" in\n";
  for (const auto* command : commands) {
    std::cout << "        " << Quoted(command->path) << ") word=" << Quoted(WordsOf(root, *command)) << " ;;\n";
  }
  std::cout << "      esac\n"
               "      COMPREPLY=($(compgen -W \"$word\" -- \"$cur\")) ;;\n"
               "  esac\n"
               "  [[ -n $before && ${#COMPREPLY[@]} -gt 0 ]] && COMPREPLY=(\"${COMPREPLY[@]/#/$before}\")\n"
               "  return 0\n"
               "}\n"
               "complete -o default -F _billsync billsync\n";
}

}  // namespace

void AddCompletion(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("completion", "print a script that completes this command line: bash, zsh");
  command->require_subcommand(1);
  auto* bash = command->add_subcommand("bash", "for bash: source <(billsync completion bash)");
  bash->callback([&app, &context] {
    context.run = [&app] {
      PrintBash(ReadCommands(app));
      return kDone;
    };
  });
  auto* zsh = command->add_subcommand("zsh", "for zsh, by its bash compatibility: source <(billsync completion zsh)");
  zsh->callback([&app, &context] {
    context.run = [&app] {
      std::cout << "#compdef billsync\nautoload -U +X compinit && compinit\n"
                   "autoload -U +X bashcompinit && bashcompinit\n";
      PrintBash(ReadCommands(app));
      return kDone;
    };
  });
}

}  // namespace billsync::cli
