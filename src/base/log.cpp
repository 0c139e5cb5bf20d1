#include "billsync/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>

#include "billsync/base/instant.h"

namespace billsync {
namespace {

spdlog::logger& Sink() {
  static const auto logger = [] {
    auto made = spdlog::stderr_logger_mt("billsync");
    made->set_pattern("%v");
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *logger;
}

struct LevelNames {
  spdlog::level::level_enum spd;
  std::string_view name;
};

LevelNames NamesOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return {spdlog::level::debug, "debug"};
    case LogLevel::kInfo:
      return {spdlog::level::info, "info"};
    case LogLevel::kWarning:
      return {spdlog::level::warn, "warning"};
    case LogLevel::kError:
      return {spdlog::level::err, "error"};
  }
  return {spdlog::level::err, "error"};
}

// Length of the well-formed UTF-8 sequence at `at`, 0 if it is none.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  size_t length = 0;
  if (lead < 0x80) length = 1;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(at + 1) < 0xA0) return 0;
  if (lead == 0xED && byte(at + 1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(at + 1) < 0x90) return 0;
  if (lead == 0xF4 && byte(at + 1) > 0x8F) return 0;
  return length;
}

}  // namespace

LogValue::LogValue(std::string_view text) : json_(JsonQuote(text)) {}
LogValue::LogValue(const char* text) : json_(JsonQuote(text)) {}
LogValue::LogValue(const std::string& text) : json_(JsonQuote(text)) {}
LogValue::LogValue(long long number) : json_(std::to_string(number)) {}
LogValue::LogValue(int number) : json_(std::to_string(number)) {}
LogValue::LogValue(size_t number) : json_(std::to_string(number)) {}

void SetLogLevel(LogLevel level) {
  Sink().set_level(NamesOf(level).spd);
}

void Log(LogLevel level, std::string_view message, const LogFields& fields) {
  const LevelNames names = NamesOf(level);
  if (!Sink().should_log(names.spd)) return;
  std::string line = "{\"time\":\"" + FormatInstant(SystemNow()) + "\",\"level\":\"" + std::string(names.name) +
                     "\",\"message\":" + JsonQuote(message);
  for (const auto& [key, value] : fields) {
    line += ',' + JsonQuote(key) + ':' + value.json();
  }
  line += '}';
  Sink().log(names.spd, line);
}

std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(text, at);
    const char c = text[at];
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped;
    } else {
      out.append(text.substr(at, length));
    }
    at += length;
  }
  out += '"';
  return out;
}

}  // namespace billsync
