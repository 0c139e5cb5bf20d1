// Small JSON texts put together by hand: API answers, `--json` output, log lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "billsync/base/log.h"

namespace billsync {

// {"a":…,"b":…} in the order of the calls. Nothing is escaped twice; AddRaw takes a finished JSON value.
class JsonObject {
 public:
  JsonObject& Add(std::string_view key, std::string_view text) { return AddRaw(key, JsonQuote(text)); }
  JsonObject& Add(std::string_view key, const std::string& text) { return AddRaw(key, JsonQuote(text)); }
  JsonObject& Add(std::string_view key, const char* text) { return AddRaw(key, JsonQuote(text)); }
  JsonObject& Add(std::string_view key, int64_t number) { return AddRaw(key, std::to_string(number)); }
  JsonObject& Add(std::string_view key, bool value) { return AddRaw(key, value ? "true" : "false"); }
  template <typename T>
  JsonObject& Add(std::string_view key, const std::optional<T>& value) {
    return value ? Add(key, *value) : AddRaw(key, "null");
  }
  JsonObject& AddRaw(std::string_view key, std::string_view json) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += JsonQuote(key) + ":";
    text_ += json;
    return *this;
  }
  std::string Text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

// [x,y,…] of finished JSON values.
class JsonArray {
 public:
  JsonArray& AddRaw(std::string_view json) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += json;
    return *this;
  }
  std::string Text() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

}  // namespace billsync
