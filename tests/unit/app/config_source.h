// A configuration out of texts: a TOML file that lives as long as the test, and a table of environment variables.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "billsync/app/config.h"

namespace billsync::app {

// A file with these contents, removed with the object.
class TextFile {
 public:
  explicit TextFile(const std::string& text) {
    static int next = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("billsync-config-" + std::to_string(::getpid()) + "-" + std::to_string(++next)))
                .string();
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TextFile() { std::filesystem::remove(path_); }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

using Variables = std::map<std::string, std::string>;

inline Environment EnvironmentOf(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

inline tl::expected<Config, std::vector<ConfigFault>> LoadText(const std::string& toml, Variables variables = {}) {
  const TextFile file(toml);
  return LoadConfig(file.path(), EnvironmentOf(std::move(variables)));
}

// The configuration, or a failed test and the defaults.
inline Config Loaded(const std::string& toml, Variables variables = {}) {
  auto config = LoadText(toml, std::move(variables));
  if (config) return *config;
  for (const auto& fault : config.error()) ADD_FAILURE() << toml << "\n" << fault.key << " " << fault.reason;
  return {};
}

// The keys found at fault, in order of the alphabet.
inline std::vector<std::string> FaultKeys(const std::string& toml, Variables variables = {}) {
  const auto config = LoadText(toml, std::move(variables));
  std::vector<std::string> keys;
  if (config) return keys;
  for (const auto& fault : config.error()) {
    keys.push_back(fault.key);
    EXPECT_FALSE(fault.reason.empty()) << fault.key;
  }
  std::ranges::sort(keys);
  return keys;
}

}  // namespace billsync::app
