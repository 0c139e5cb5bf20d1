#include "billsync/http/router.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "ascii.h"

namespace billsync::http {
namespace {

// "/a/{id}" → "a", "{id}"; "/" → "".
std::vector<std::string> SplitSegments(std::string_view path) {
  std::vector<std::string> segments;
  for (size_t at = 1; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    segments.emplace_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return segments;
}

bool IsParam(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool Matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  return std::equal(
      pattern.begin(), pattern.end(), path.begin(), path.end(),
      [](const std::string& want, const std::string& have) { return IsParam(want) ? !have.empty() : want == have; });
}

// Whether `a` is literal before `b` is; both match the same path.
bool IsMoreSpecific(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (IsParam(a[i]) != IsParam(b[i])) return IsParam(b[i]);
  }
  return false;
}

bool SameShape(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const std::string& x, const std::string& y) { return IsParam(x) ? IsParam(y) : x == y; });
}

// A GET route answers HEAD, unless HEAD has a route of its own.
bool Serves(std::string_view route_method, std::string_view asked) {
  return route_method == asked || (asked == "HEAD" && route_method == "GET");
}

std::string JoinMethods(const std::set<std::string>& methods) {
  std::string joined;
  for (const auto& method : methods) {
    if (!joined.empty()) joined += ", ";
    joined += method;
  }
  return joined;
}

}  // namespace

Responder::Responder(std::function<void(Response)> deliver) : deliver_(std::move(deliver)) {}

Responder::Responder(Responder&& other) noexcept : deliver_(std::exchange(other.deliver_, nullptr)) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    AnswerIfUnsent();
    deliver_ = std::exchange(other.deliver_, nullptr);
  }
  return *this;
}

Responder::~Responder() {
  AnswerIfUnsent();
}

void Responder::Send(Response response) {
  if (!deliver_) throw std::logic_error("this request was answered before");
  std::exchange(deliver_, nullptr)(std::move(response));
}

void Responder::AnswerIfUnsent() noexcept {
  if (deliver_) std::exchange(deliver_, nullptr)(Problem(ProblemCode::kInternal));
}

void Router::Add(std::string_view method, std::string_view pattern, Handler handler) {
  if (!IsToken(method) || !pattern.starts_with('/') || !handler) throw std::logic_error("malformed route");
  Route route{std::string(method), SplitSegments(pattern), std::move(handler)};
  for (const Route& known : routes_) {
    if (known.method == route.method && SameShape(known.segments, route.segments)) {
      throw std::logic_error("route added twice: " + std::string(pattern));
    }
  }
  routes_.push_back(std::move(route));
}

std::vector<std::pair<std::string, std::string>> Router::List() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Route& route : routes_) {
    std::string pattern;
    for (const auto& segment : route.segments) pattern += "/" + segment;
    all.emplace_back(route.method, std::move(pattern));
  }
  return all;
}

Router::Found Router::Find(std::string_view method, std::string_view path) const {
  const auto segments = SplitSegments(path);
  const Route* best = nullptr;
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    if (!Matches(route.segments, segments)) continue;
    allowed.insert(route.method);
    if (route.method == "GET") allowed.insert("HEAD");
    if (!Serves(route.method, method)) continue;
    const bool own_method_wins = best != nullptr && best->method != method && route.method == method;
    if (best == nullptr || IsMoreSpecific(route.segments, best->segments) ||
        (own_method_wins && SameShape(route.segments, best->segments))) {
      best = &route;
    }
  }
  Found found;
  if (best == nullptr) {
    found.allow = JoinMethods(allowed);
    return found;
  }
  found.handler = &best->handler;
  for (size_t i = 0; i < segments.size(); ++i) {
    const std::string& want = best->segments[i];
    if (IsParam(want)) found.path_params.emplace_back(want.substr(1, want.size() - 2), segments[i]);
  }
  return found;
}

}  // namespace billsync::http
