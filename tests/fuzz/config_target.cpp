// A configuration file, and what the environment adds: lines "NAME=value" behind a byte 1E.
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <string>

#include "billsync/app/config.h"
#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

// A file in memory.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : fd_(::memfd_create("configuration", 0)) {
    if (fd_ < 0 || ::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("no file in memory");
    }
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

using Variables = std::map<std::string, std::string>;

Variables VariablesOf(std::string_view lines) {
  Variables variables;
  for (const auto line : SplitAt(lines, '\n')) {
    const size_t equals = line.find('=');
    // NAME_FILE would read files of this machine.
    if (equals == std::string_view::npos || line.substr(0, equals).ends_with("_FILE")) continue;
    variables[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  return variables;
}

}  // namespace

void Configuration(std::string_view input) {
  const size_t end = std::min(input.find('\x1e'), input.size());
  const MemoryFile file(input.substr(0, end));
  const Variables variables = VariablesOf(end < input.size() ? input.substr(end + 1) : "");
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  const auto config = app::LoadConfig(file.path(), environment);
  if (config) {
    for (const auto& secret : config->webhook_secrets) {
      Must(secret.secret.Reveal().find_first_not_of(" \t\r\n") != std::string::npos, "no blank secret is accepted");
    }
    Must(config->database_sessions > 0 && config->signature_tolerance.count() >= 0, "numbers are in their ranges");
    app::MissingForDatabase(*config);
    app::MissingForServe(*config);
    return;
  }
  Must(!config.error().empty(), "what is refused has a fault");
  for (const auto& fault : config.error()) Must(!fault.reason.empty(), "and each fault a reason");
}

}  // namespace billsync::fuzz
