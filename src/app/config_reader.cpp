#include "config_reader.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include "billsync/base/parse.h"

namespace billsync::app {

const toml::node* ConfigReader::Find(const std::string& key) {
  known_.insert(key);
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return table_.get(key);
  const auto* section = table_.get(key.substr(0, dot));
  if (section == nullptr || !section->is_table()) return nullptr;
  return section->as_table()->get(key.substr(dot + 1));
}

void ConfigReader::Text(const std::string& key, std::string& target) {
  const auto* node = Find(key);
  if (node == nullptr) return;
  if (const auto value = node->value_exact<std::string>()) {
    target = std::string(Trim(*value));
  } else {
    Fault(key, "must be a text in quotes");
  }
}

void ConfigReader::Flag(const std::string& key, bool& target) {
  const auto* node = Find(key);
  if (node == nullptr) return;
  if (const auto value = node->value_exact<bool>()) {
    target = *value;
  } else {
    Fault(key, "must be true or false");
  }
}

void ConfigReader::Texts(const std::string& key, std::vector<std::string>& target) {
  const auto* node = Find(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return Fault(key, "must be a list of texts: [\"…\", \"…\"]");
  for (const auto& item : *array) {
    const auto value = item.value_exact<std::string>();
    if (!value || Trim(*value).empty()) return Fault(key, "must be a list of texts, none of them empty");
    target.push_back(*value);
  }
}

std::optional<int64_t> ConfigReader::WholeNumber(const std::string& key, int64_t low, int64_t high) {
  const auto* node = Find(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<int64_t>();
  if (value && *value >= low && *value <= high) return value;
  Fault(key, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

void ConfigReader::Seconds(const std::string& key, int64_t low, int64_t high, std::chrono::seconds& target) {
  if (const auto value = WholeNumber(key, low, high)) target = std::chrono::seconds(*value);
}

void ConfigReader::Seconds(const std::string& key, std::chrono::milliseconds low, std::chrono::milliseconds high,
                           std::chrono::milliseconds& target) {
  const auto* node = Find(key);
  if (node == nullptr) return;
  const auto seconds = node->value<double>();
  if (seconds && node->is_number() && *seconds * 1000 >= static_cast<double>(low.count()) &&
      *seconds * 1000 <= static_cast<double>(high.count())) {
    target = std::chrono::milliseconds(std::llround(*seconds * 1000));
    return;
  }
  const auto text = [](std::chrono::milliseconds time) {
    const std::string fraction = std::to_string(time.count() % 1000);
    return std::to_string(time.count() / 1000) +
           (time.count() % 1000 == 0 ? "" : "." + std::string(3 - fraction.size(), '0') + fraction);
  };
  Fault(key, "must be a number of seconds from " + text(low) + " to " + text(high));
}

void ConfigReader::Days(const std::string& key, int64_t low, int64_t high, std::chrono::days& target) {
  if (const auto value = WholeNumber(key, low, high)) target = std::chrono::days(static_cast<int>(*value));
}

std::vector<const toml::table*> ConfigReader::Tables(const std::string& key) {
  std::vector<const toml::table*> out;
  const auto* node = Find(key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    Fault(key, "must be written as [[" + key + "]] tables");
    return out;
  }
  for (const auto& item : *array) out.push_back(item.as_table());
  return out;
}

std::optional<std::string> ConfigReader::Contents(const std::string& key, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    Fault(key, "names the file " + path + ", which cannot be read or is empty");
    return std::nullopt;
  }
  const std::string contents(Trim(text.str()));
  if (contents.empty()) {
    Fault(key, "names the file " + path + ", which is empty");
    return std::nullopt;
  }
  return contents;
}

std::optional<std::string> ConfigReader::FileOf(const std::string& key) {
  std::string path;
  Text(key, path);
  if (path.empty()) return std::nullopt;
  return Contents(key, path);
}

std::optional<std::string> ConfigReader::Variable(const std::string& name) {
  const auto direct = environment_(name);
  const auto file = environment_(name + "_FILE");
  if (direct && file) {
    Fault(name, "is set beside " + name + "_FILE; unset one of the two");
    return std::nullopt;
  }
  if (file) return Contents(name + "_FILE", *file);
  if (!direct) return std::nullopt;
  std::string value(Trim(*direct));
  if (value.empty()) {
    Fault(name, "is set but empty; give it a value or unset it");
    return std::nullopt;
  }
  return value;
}

void ConfigReader::RefuseUnknownKeys() {
  for (const auto& [name, node] : table_) {
    const std::string key(name.str());
    if (known_.contains(key)) continue;
    const auto* section = node.as_table();
    const auto first = known_.lower_bound(key + ".");
    const bool is_section = first != known_.end() && first->starts_with(key + ".");
    if (section == nullptr || (section->empty() && !is_section)) {
      Fault(key, "is not a key of billsync; see config/billsync.toml for all of them");
      continue;
    }
    for (const auto& [inner, unused] : *section) {
      const std::string full = key + "." + std::string(inner.str());
      if (!known_.contains(full)) Fault(full, "is not a key of billsync; see config/billsync.toml for all of them");
    }
  }
}

}  // namespace billsync::app
