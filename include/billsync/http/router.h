// Exact routes: no regular expressions, no prefixes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "billsync/http/request.h"
#include "billsync/http/response.h"

namespace billsync::http {

// The right and duty to answer one request, once. May be moved to another thread and kept after the handler has
// returned; one that is destroyed unsent answers 500 `internal`, so a forgotten request never hangs a client.
class Responder {
 public:
  // `deliver` gets the answer; it must not throw and may be called from any thread.
  explicit Responder(std::function<void(Response)> deliver);
  Responder(Responder&& other) noexcept;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // Hands the answer over and returns at once; the front writes it. Throws std::logic_error on a second call. An
  // answer to a client that has gone, or after the server has stopped, is dropped.
  void Send(Response response);

 private:
  void AnswerIfUnsent() noexcept;

  std::function<void(Response)> deliver_;
};

// Runs on a worker. May take the request by value, `const Request&` or `Request&&`. It may return before the answer
// exists by moving the Responder elsewhere. An exception answers 500 `internal` and is logged; its text stays inside.
using Handler = std::function<void(Request&& request, Responder responder)>;

// The table of routes. Fill it before the server starts; afterwards it is only read, from any thread.
class Router {
 public:
  // What a path and method lead to.
  struct Found {
    const Handler* handler = nullptr;  // null: 404 if `allow` is empty, else 405
    NameValues path_params = {};
    std::string allow = {};  // "GET, HEAD, POST": the methods this path has, when the asked one is not among them
  };

  // `pattern` is a path such as "/api/v1/events/{id}/retry"; {name} stands for exactly one segment that is not empty.
  // A GET route also answers HEAD. Where two patterns fit, the one that is literal earlier wins.
  // Throws std::logic_error when the pattern is malformed or the same method and shape were added before.
  void Add(std::string_view method, std::string_view pattern, Handler handler);

  // Answers paths that do not exist. Without one the server answers 404 as problem+json.
  void SetFallback(Handler handler) { fallback_ = std::move(handler); }

  // Method and pattern of every route, in the order they were added.
  std::vector<std::pair<std::string, std::string>> List() const;

  // The fallback; null when there is none.
  const Handler* fallback() const { return fallback_ ? &fallback_ : nullptr; }

  // Looks up a decoded path.
  Found Find(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;  // "{name}" or literal
    Handler handler;
  };
  std::vector<Route> routes_;
  Handler fallback_;
};

}  // namespace billsync::http
