#include <memory>

#include "assets.h"
#include "billsync/base/log.h"
#include "pages.h"

namespace billsync::console {
namespace {

using PageFunction = http::Response (*)(const PageCall&);
using Parts = std::shared_ptr<const ConsoleParts>;

bool WantsHtml(const http::Request& request) {
  for (const auto accept : request.AllHeaders("Accept")) {
    if (accept.find("text/html") != std::string_view::npos) return true;
  }
  return false;
}

http::Response Unknown(const ConsoleParts& parts, const http::Request& request) {
  if (WantsHtml(request) && !request.FindHeader("Authorization")) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    return RedirectTo(Url("/login", {{"next", reads && request.path != "/" ? Url(request.path, request.query) : ""}}));
  }
  return parts.guard->RefuseUnknown(request);
}

http::Response Refused(const PageCall& call, std::string_view code, std::string_view detail) {
  return WantsHtml(call.request) ? FaultPage(call, 403, std::string(detail)) : http::Problem(403, code, detail);
}

// Runs the page and turns a database failure into a page that says so.
http::Response Answer(const PageCall& call, PageFunction page) {
  try {
    return page(call);
  } catch (const db::Bug& e) {
    Log(LogLevel::kError, "a page failed", {{"path", call.request.path}, {"error", e.what()}});
    return FaultPage(call, 500, "The page could not be made; the log of the program says why.");
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "a page found no database", {{"path", call.request.path}, {"error", e.what()}});
    auto response = FaultPage(call, 503, "The database cannot be reached. Try again in a moment.");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
}

// Nobody is let in by a session that may have been logged out: every page needs the database anyway.
http::Response AwayPage(const http::Request& request) {
  Html body = Tag("h1", {"billsync"});
  body += Tag("p", {{"class", "fault"}, {"role", "alert"}}, {"The database cannot be reached. Try again in a moment."});
  auto response = RenderOutside(request, std::string(http::ReasonPhrase(503)), body, 503);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response Guarded(const ConsoleParts& parts, admin::Role role, PageFunction page, const http::Request& request) {
  std::optional<admin::Identity> identity;
  try {
    identity = parts.guard->Identify(request);
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "a session could not be checked", {{"error", e.what()}});
    return WantsHtml(request) ? AwayPage(request) : admin::DatabaseAway();
  }
  if (!identity) return Unknown(parts, request);
  const PageCall call{parts, *identity, request};
  if (identity->role < role) return Refused(call, "role_insufficient", "This needs a token of the role ops.");
  if (const auto forged = admin::ForgedBecause(*identity, request); !forged.empty()) {
    return Refused(call, "forged", forged);
  }
  return Answer(call, page);
}

void Add(http::Router& router, const Parts& parts, const char* method, const char* path, admin::Role role,
         PageFunction page) {
  router.Add(method, path, [parts, role, page](http::Request&& request, http::Responder responder) {
    responder.Send(Guarded(*parts, role, page, request));
  });
}

http::Response NothingHere(const PageCall& call) {
  return FaultPage(call, 404, "There is no page at this address.");
}

void AddPages(http::Router& router, const Parts& parts) {
  const auto page = [&](const char* path, PageFunction function) {
    Add(router, parts, "GET", path, admin::Role::kFinance, function);
  };
  page("/", OverviewPage);
  page("/usage", UsagePage);
  page("/invoices", InvoicesPage);
  page("/subscriptions", SubscriptionsPage);
  page("/users", UsersPage);
  page("/users/{id}", UserPage);
  page("/events", EventsPage);
  page("/events/{id}", EventPage);
  page("/objects/{id}", ObjectPage);
  page("/periods", PeriodsPage);
  page("/periods/{period}", PeriodPage);
  page("/jobs", JobsPage);
  page("/jobs/{name}", JobPage);
  page("/audit", AuditPage);
  Add(router, parts, "POST", "/events/retry", admin::Role::kOps, PostRetry);
  Add(router, parts, "POST", "/jobs/{name}/run", admin::Role::kOps, PostRunJob);
  Add(router, parts, "POST", "/periods/{period}/close", admin::Role::kOps, PostClose);
  Add(router, parts, "POST", "/periods/{period}/adjust", admin::Role::kOps, PostAdjustment);
  Add(router, parts, "POST", "/logout", admin::Role::kFinance, PostLogout);
}

}  // namespace

void AddConsole(http::Router& router, const ConsoleParts& given) {
  const auto parts = std::make_shared<const ConsoleParts>(given);
  AddAssets(router);
  AddPages(router, parts);
  router.Add("GET", "/login", [parts](http::Request&& request, http::Responder responder) {
    responder.Send(LoginPage(*parts, request));
  });
  router.Add("POST", "/login", [parts](http::Request&& request, http::Responder responder) {
    responder.Send(PostLogin(*parts, request));
  });
  router.SetFallback([parts](http::Request&& request, http::Responder responder) {
    const bool page = WantsHtml(request) && !request.path.starts_with("/api/");
    responder.Send(page ? Guarded(*parts, admin::Role::kFinance, NothingHere, request)
                        : http::Problem(http::ProblemCode::kNotFound));
  });
}

}  // namespace billsync::console
