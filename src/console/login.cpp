#include "billsync/base/log.h"
#include "pages.h"

namespace billsync::console {
namespace {

// Only a page of ours: "//host" and "/\host" lead elsewhere.
std::string OwnPath(const std::string& next) {
  const bool own = next.starts_with('/') && !next.starts_with("//") && next.find('\\') == std::string::npos &&
                   next.find_first_of("\r\n\t") == std::string::npos;
  return own ? next : "/";
}

http::Response LoginForm(const http::Request& request, const std::string& next, const std::string& fault, int status) {
  Html form = Tag("input", {{"type", "hidden"}, {"name", "next"}, {"value", OwnPath(next)}});
  form += Tag("label", {{"for", "token"}}, {"Access token"});
  form += Tag("input", {{"id", "token"},
                        {"name", "token"},
                        {"type", "password"},
                        {"required", ""},
                        {"autofocus", ""},
                        {"autocomplete", "current-password"}});
  if (!fault.empty()) form += Tag("p", {{"class", "fault"}, {"role", "alert"}}, {fault});
  form += Button("Log in", "primary");
  Html body = Tag("h1", {"billsync"});
  body += Tag("p", {{"class", "lead"}},
              {"Log in with a token of role finance or ops. The session ends after eight hours."});
  body += Tag("form", {{"method", "post"}, {"action", "/login"}, {"class", "login"}}, {form});
  return RenderOutside(request, "Log in", body, status);
}

void SetCookie(const http::Request& request, http::Response& response, const std::string& value, int64_t seconds) {
  std::string cookie = std::string(admin::kSessionCookie) + "=" + value +
                       "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds);
  // TLS ends at a proxy in front; to claim it falsely would only lock the claimer out.
  if (request.FindHeader("X-Forwarded-Proto") == "https") cookie += "; Secure";
  response.headers.emplace_back("Set-Cookie", cookie);
}

}  // namespace

std::vector<std::string> FormValues(const http::Request& request, std::string_view name) {
  std::vector<std::string> values;
  if (const auto form = http::ParseForm(request.body)) {
    for (const auto& [field, value] : *form) {
      if (field == name) values.push_back(value);
    }
  }
  return values;
}

std::string FormValue(const http::Request& request, std::string_view name) {
  const auto values = FormValues(request, name);
  return values.empty() ? "" : values.front();
}

http::Response LoginPage(const ConsoleParts& parts, const http::Request& request) {
  const std::string next(request.FindQuery("next").value_or("/"));
  try {
    if (parts.guard->Identify(request)) return RedirectTo(OwnPath(next));
  } catch (const db::Error&) {
    auto response =
        LoginForm(request, next, "The database cannot be reached. Pages will not open before it is back.", 503);
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  return LoginForm(request, next, "", 200);
}

http::Response PostLogin(const ConsoleParts& parts, const http::Request& request) {
  const std::string next = FormValue(request, "next");
  const auto now = std::chrono::steady_clock::now();
  if (!admin::IsSameSite(request)) return LoginForm(request, next, "The request comes from another site.", 403);
  if (!parts.login_limit->MayTry(request.remote_addr, now)) {
    auto response = LoginForm(request, next, "Too many attempts. Wait a minute, then try again.", 429);
    response.headers.emplace_back("Retry-After", std::to_string(admin::LoginLimit::kWindow.count()));
    return response;
  }
  const auto session = parts.guard->OpenSession(FormValue(request, "token"));
  if (!session) {
    parts.login_limit->NoteFailure(request.remote_addr, now);
    Log(LogLevel::kWarning, "a login failed", {{"from", request.remote_addr}});
    return LoginForm(request, next, "This token is not known.", 401);
  }
  auto response = RedirectTo(OwnPath(next));
  SetCookie(request, response, *session, std::chrono::seconds(admin::kSessionLife).count());
  return response;
}

http::Response PostLogout(const PageCall& call) {
  call.parts.guard->EndSession(call.identity);
  auto response = RedirectTo("/login");
  SetCookie(call.request, response, "", 0);
  response.headers.emplace_back("Clear-Site-Data", "\"cache\"");
  return response;
}

}  // namespace billsync::console
