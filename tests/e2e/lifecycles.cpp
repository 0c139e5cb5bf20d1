#include "e2e/lifecycles.h"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <set>
#include <stdexcept>

#include "e2e/sample_events.h"
#include "support/postgres.h"

namespace billsync::testing {
namespace {

constexpr const char* kFolder = "fixtures/lifecycles";

void Replace(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// A draw that depends on its arguments only.
uint64_t Draw(uint64_t seed, uint64_t number, uint64_t event) {
  uint64_t x = seed ^ (number * 0x9E3779B97F4A7C15ULL) ^ (event * 0xBF58476D1CE4E5B9ULL);
  for (int round = 0; round < 3; ++round) {
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
    x ^= x >> 31U;
  }
  return x;
}

rapidjson::Document Parsed(const std::string& text, const std::string& what) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  if (document.HasParseError()) throw std::runtime_error(what + " is not JSON");
  return document;
}

std::string Text(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

std::optional<std::string> ColumnText(const rapidjson::Value& value) {
  if (value.IsNull()) return std::nullopt;
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  return value.IsInt64() ? std::to_string(value.GetInt64()) : Text(value);
}

Columns RowOf(const rapidjson::Value& row) {
  Columns columns;
  for (const auto& member : row.GetObject()) {
    const std::string name = Text(member.name);
    auto value = ColumnText(member.value);
    // A date: what Stripe gives as a moment is kept as its day in UTC.
    if (name == "due_date" && value) value = std::to_string(std::stoll(*value) / 86400 * 86400);
    columns.emplace(name, std::move(value));
  }
  return columns;
}

class Loader {
 public:
  Loader(std::string name, const std::vector<std::pair<std::string, std::string>>& edits)
      : path_(std::string(kFolder) + "/" + name), edits_(edits) {
    lifecycle_.name = std::move(name);
    lifecycle_.key = lifecycle_.name.substr(0, lifecycle_.name.find('-'));
    std::ranges::transform(lifecycle_.key, lifecycle_.key.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }

  Lifecycle Load() {
    const auto expected = Parsed(Read("expected.json"), path_);
    lifecycle_.user = Text(expected["users_before"][0]["id"]);
    lifecycle_.customer_before = ColumnText(expected["users_before"][0]["stripe_customer_id"]);
    for (const auto& [table, key] : RowKeys()) {
      for (const auto& row : expected[table.c_str()].GetArray()) lifecycle_.rows[table].push_back(RowOf(row));
    }
    LoadEvents(expected["stripe_events"]);
    return std::move(lifecycle_);
  }

 private:
  std::string Read(const std::string& file) const {
    std::string text = ShiftedToNow(ReadSource(path_ + "/" + file));
    for (const auto& [from, to] : edits_) Replace(text, from, to);
    return text;
  }

  void LoadEvents(const rapidjson::Value& fates) {
    std::set<std::string> files;
    for (const char* shape : {"acacia", "endive"}) {
      for (const auto& entry : std::filesystem::directory_iterator(BILLSYNC_SOURCE_DIR "/" + path_ + "/" + shape)) {
        files.insert(entry.path().stem().string());
      }
    }
    for (const auto& file : files) {
      LifecycleEvent event{file, {}, ""};
      for (const Shape shape : kShapes) {
        const std::string name = (shape == Shape::kAcacia ? "acacia/" : "endive/") + file + ".json";
        if (!std::filesystem::exists(BILLSYNC_SOURCE_DIR "/" + path_ + "/" + name)) continue;
        const std::string body = Read(name);
        const std::string id = Text(Parsed(body, name)["id"]);
        event.in[static_cast<size_t>(shape)].emplace(body, lifecycle_.key, lifecycle_.user, id);
        event.fate = Text(fates[id.c_str()]);
      }
      lifecycle_.events.push_back(std::move(event));
    }
  }

  const std::string path_;
  const std::vector<std::pair<std::string, std::string>>& edits_;
  Lifecycle lifecycle_;
};

}  // namespace

TwinText::TwinText(const std::string& text, const std::string& key, const std::string& user,
                   const std::string& event_id)
    : key_(key), user_(user) {
  // The event's id holds the key, so it is looked for first.
  const std::array<std::pair<std::string, Slot>, 3> marks{
      {{event_id, Slot::kEvent}, {user, Slot::kUser}, {key, Slot::kKey}}};
  for (size_t from = 0; from <= text.size();) {
    size_t at = text.size();
    std::pair<size_t, Slot> mark{1, Slot::kEnd};
    for (const auto& [word, slot] : marks) {
      const size_t found = text.find(word, from);
      if (found < at) at = found, mark = {word.size(), slot};
    }
    pieces_.emplace_back(text.substr(from, at - from), mark.second);
    from = at + mark.first;
  }
}

std::string TwinText::For(const Twin& twin, size_t event) const {
  Lifecycle names;
  names.key = key_;
  names.user = user_;
  const std::string key = names.KeyOf(twin);
  const std::string user = names.UserOf(twin);
  std::string text;
  for (const auto& [piece, slot] : pieces_) {
    text += piece;
    switch (slot) {
      case Slot::kKey:
        text += key;
        break;
      case Slot::kUser:
        text += user;
        break;
      case Slot::kEvent:
        text += EventIdOf(names, twin, event);
        break;
      case Slot::kEnd:
        break;
    }
  }
  return text;
}

std::string Lifecycle::UserOf(const Twin& twin) const {
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", twin.number + 1);
  return digits.data() + user.substr(8);
}

std::string Lifecycle::Untwinned(std::string value, const Twin& twin) const {
  Replace(value, KeyOf(twin), key);
  Replace(value, UserOf(twin), user);
  return value;
}

std::string EventIdOf(const Lifecycle& lifecycle, const Twin& twin, size_t event) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  uint64_t drawn = Draw(twin.seed, twin.number, event);
  std::string id = "evt_";
  for (int i = 0; i < 6; ++i, drawn /= kLetters.size()) id += kLetters[drawn % kLetters.size()];
  return id + "_" + lifecycle.KeyOf(twin) + "_" + std::to_string(event);
}

std::optional<uint32_t> TwinOf(const std::string& row_key) {
  // Only a suffix has a small p with a digit behind it.
  for (size_t at = row_key.find('p'); at != std::string::npos; at = row_key.find('p', at + 1)) {
    if (at > 0 && row_key[at - 1] != '_' && at + 1 < row_key.size() && std::isdigit(row_key[at + 1]) != 0) {
      return static_cast<uint32_t>(std::stoul(row_key.substr(at + 1)));
    }
  }
  // A user's uuid begins with the number.
  if (row_key.size() == 36 && row_key[8] == '-') return static_cast<uint32_t>(std::stoul(row_key, nullptr, 16) - 1);
  return std::nullopt;
}

std::optional<std::pair<uint32_t, size_t>> TwinEventOf(const std::string& event_id) {
  const auto twin = TwinOf(event_id);
  if (!twin || !event_id.starts_with("evt_")) return std::nullopt;
  return std::pair(*twin, std::stoul(event_id.substr(event_id.rfind('_') + 1)));
}

const std::map<std::string, std::string>& RowKeys() {
  static const std::map<std::string, std::string> keys = {{"users", "id"},
                                                          {"billing_customers", "stripe_customer_id"},
                                                          {"billing_subscriptions", "stripe_subscription_id"},
                                                          {"billing_invoices", "stripe_invoice_id"}};
  return keys;
}

std::vector<Lifecycle> LoadLifecycles(const std::vector<std::string>& names,
                                      const std::vector<std::pair<std::string, std::string>>& edits) {
  std::vector<Lifecycle> lifecycles;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(BILLSYNC_SOURCE_DIR) + "/" + kFolder)) {
    const std::string name = entry.path().filename().string();
    const bool wanted =
        names.empty() || std::ranges::any_of(names, [&](const auto& start) { return name.starts_with(start); });
    if (wanted) lifecycles.push_back(Loader(name, edits).Load());
  }
  std::ranges::sort(lifecycles, {}, &Lifecycle::name);
  return lifecycles;
}

}  // namespace billsync::testing
