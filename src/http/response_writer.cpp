#include "response_writer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "ascii.h"

namespace billsync::http {
namespace {

// The front's own headers: a handler's copy could contradict the bytes that follow.
bool IsFrontsHeader(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kOwn = {"Content-Length", "Transfer-Encoding", "Connection", "Date"};
  return std::ranges::any_of(kOwn, [&](std::string_view own) { return EqualsIgnoringCase(name, own); });
}

bool IsSendableValue(std::string_view value) {
  return std::ranges::none_of(value, [](char c) { return IsControl(c) && c != '\t'; });
}

void AddHeader(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool HasNoBody(int status) {
  return status == 204 || status == 304;
}

}  // namespace

std::string FormatHttpDate(Instant at) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = UnixSeconds(at);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  // Not strftime: its names follow the locale.
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays.at(static_cast<size_t>(utc.tm_wday)), utc.tm_mday, kMonths.at(static_cast<size_t>(utc.tm_mon)),
                utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return text.data();
}

bool IsSendable(const Response& response) {
  return response.status >= 200 && response.status <= 599 && IsSendableValue(response.content_type) &&
         std::ranges::all_of(response.headers, [](const auto& header) {
           return IsToken(header.first) && IsSendableValue(header.second);
         });
}

std::string WriteResponse(const Response& response, const WireOptions& options, const std::string& http_date) {
  const bool bodiless = HasNoBody(response.status);
  std::string out;
  out.reserve(256 + (options.head_only ? 0 : response.body.size()));
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(ReasonPhrase(response.status)).append("\r\n");
  AddHeader(out, "Date", http_date);
  if (!response.content_type.empty() && !bodiless) AddHeader(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) {
    if (!IsFrontsHeader(name)) AddHeader(out, name, value);
  }
  if (options.close) AddHeader(out, "Connection", "close");
  if (!bodiless) {
    if (!response.stream) {
      AddHeader(out, "Content-Length", std::to_string(response.body.size()));
    } else if (options.chunked) {
      AddHeader(out, "Transfer-Encoding", "chunked");
    }
  }
  out += "\r\n";
  if (!bodiless && !response.stream && !options.head_only) out += response.body;
  return out;
}

std::string WriteChunk(std::string_view bytes) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  std::string chunk(size.data());
  return chunk.append(bytes).append("\r\n");
}

}  // namespace billsync::http
