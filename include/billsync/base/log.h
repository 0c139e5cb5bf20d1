// One JSON object a line on standard error. Never pass a payload or a secret.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace billsync {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// A value of a log field: text or a whole number. Converts by itself, so that call sites read as pairs.
class LogValue {
 public:
  LogValue(std::string_view text);
  LogValue(const char* text);
  LogValue(const std::string& text);
  LogValue(long long number);
  LogValue(int number);
  LogValue(size_t number);
  const std::string& json() const { return json_; }

 private:
  std::string json_;
};

using LogFields = std::vector<std::pair<std::string_view, LogValue>>;

// Messages below this level are dropped. Default: info.
void SetLogLevel(LogLevel level);

// Writes {"time":…,"level":…,"message":…,fields…}. `message` is a constant sentence; what varies goes into fields.
void Log(LogLevel level, std::string_view message, const LogFields& fields = {});

// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

}  // namespace billsync
