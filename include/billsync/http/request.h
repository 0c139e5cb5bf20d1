// A whole request, as handlers see it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace billsync::http {

using NameValues = std::vector<std::pair<std::string, std::string>>;

// Plain value. Everything in it came from the client except remote_addr and path_params' names.
struct Request {
  std::string method;       // as sent, e.g. "POST"; a HEAD that runs a GET handler still says "HEAD"
  std::string path;         // percent-decoded, without the query; valid UTF-8, no control characters
  NameValues query;         // decoded ("+" is a blank); valid UTF-8, no NUL. Equal pairs appear once
  NameValues headers;       // values as sent, blanks at both ends removed; empty ones, Range, If-Range, Expect dropped
  std::string body;         // the raw bytes, at most Limits::max_body_bytes
  std::string remote_addr;  // numeric address of the peer: a proxy's, when there is one in front
  NameValues path_params;   // by the names in the route's pattern

  // First header of this name in any case; none if absent.
  std::optional<std::string_view> FindHeader(std::string_view name) const;
  // Every header of this name, in the order they were sent.
  std::vector<std::string_view> AllHeaders(std::string_view name) const;
  // First query parameter of exactly this name; none if absent, "" if it has no value.
  std::optional<std::string_view> FindQuery(std::string_view name) const;
  // Every value of a query parameter, in order.
  std::vector<std::string_view> AllQuery(std::string_view name) const;
  // The path segment that stood for {name}. Throws std::logic_error if the route's pattern has no such name.
  const std::string& GetPathParam(std::string_view name) const;
};

// The fields of an application/x-www-form-urlencoded body, in order, decoded as a query is; none when an escape is
// broken, or a field is not UTF-8 or holds NUL.
std::optional<NameValues> ParseForm(std::string_view body);

}  // namespace billsync::http
