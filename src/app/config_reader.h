// Reads typed values out of TOML and the environment and collects what is wrong with them.
#pragma once

#include <toml++/toml.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/app/config.h"

namespace billsync::app {

// Remembers which keys were asked for, so that the rest can be reported as unknown.
class ConfigReader {
 public:
  ConfigReader(const toml::table& table, const Environment& environment, std::vector<ConfigFault>& faults)
      : table_(table), environment_(environment), faults_(faults) {}

  // "section.key" of the file if it is there and of the right type; else `target` keeps its value.
  void Text(const std::string& key, std::string& target);
  void Flag(const std::string& key, bool& target);
  void Texts(const std::string& key, std::vector<std::string>& target);
  // A whole number within [low, high].
  template <typename T>
  void Number(const std::string& key, int64_t low, int64_t high, T& target) {
    if (const auto value = WholeNumber(key, low, high)) target = static_cast<T>(*value);
  }
  void Seconds(const std::string& key, int64_t low, int64_t high, std::chrono::seconds& target);
  // Seconds with or without a fraction, such as 0.5, to the millisecond.
  void Seconds(const std::string& key, std::chrono::milliseconds low, std::chrono::milliseconds high,
               std::chrono::milliseconds& target);
  void Days(const std::string& key, int64_t low, int64_t high, std::chrono::days& target);
  // The tables of [[key]].
  std::vector<const toml::table*> Tables(const std::string& key);

  // The variable `name`, or the contents of the file `name`_FILE says, without blanks at the ends. A fault when it is
  // present but empty, when both are set, or when the file cannot be read.
  std::optional<std::string> Variable(const std::string& name);
  // The contents of a file named by a key of the TOML file, as above.
  std::optional<std::string> FileOf(const std::string& key);

  void Fault(std::string key, std::string reason) { faults_.push_back({std::move(key), std::move(reason)}); }
  // Reports every key of the file nobody asked for.
  void RefuseUnknownKeys();

 private:
  const toml::node* Find(const std::string& key);
  std::optional<int64_t> WholeNumber(const std::string& key, int64_t low, int64_t high);
  std::optional<std::string> Contents(const std::string& key, const std::string& path);

  const toml::table& table_;
  const Environment& environment_;
  std::vector<ConfigFault>& faults_;
  std::set<std::string> known_;
};

}  // namespace billsync::app
