#include "page.h"

#include <array>

#include "assets.h"
#include "billsync/admin/gzip.h"
#include "billsync/base/parse.h"
#include "billsync/base/version.h"

namespace billsync::console {
namespace {

struct Section {
  const char* name;
  const char* path;
  const char* title;
};
constexpr std::array<Section, 9> kSections = {{{"overview", "/", "Overview"},
                                               {"usage", "/usage", "Usage"},
                                               {"invoices", "/invoices", "Invoices"},
                                               {"subscriptions", "/subscriptions", "Subscriptions"},
                                               {"users", "/users", "Users"},
                                               {"events", "/events", "Events"},
                                               {"periods", "/periods", "Periods"},
                                               {"jobs", "/jobs", "Jobs"},
                                               {"audit", "/audit", "Audit"}}};

// What the page before did. Fixed sentences: a link made elsewhere can put no words of its own here.
Html Notice(const PageCall& call) {
  const std::string code = call.Query("notice");
  const auto count = ParseInt<int64_t>(call.Query("n")).value_or(1);
  std::string text;
  if (code == "retried") {
    text = count == 1 ? "One event is being tried again." : std::to_string(count) + " events are being tried again.";
  } else if (code == "due") {
    text = "The job is due now; the scheduler takes it up within a second.";
  } else if (code == "closing") {
    text = "The job close verifies the month and closes it; below stands how far it is.";
  } else if (code == "booked") {
    text = "Adjustment " + std::to_string(count) + " is booked.";
  }
  return text.empty() ? Html() : Tag("p", {{"class", "notice"}, {"role", "status"}}, {text});
}

Html Navigation(const std::string& section) {
  Html items;
  for (const Section& one : kSections) {
    const auto current = section == one.name ? std::optional<std::string>("page") : std::nullopt;
    items += Tag("li", {Tag("a", {{"href", one.path}, {"aria-current", current}}, {one.title})});
  }
  return Tag("nav", {{"aria-label", "Sections"}}, {Tag("ul", {items})});
}

Html Head(const std::string& title, bool charts) {
  Html head = Tag("meta", {{"charset", "utf-8"}});
  head += Tag("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  head += Tag("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  head += Tag("title", {title + " · billsync"});
  head += Tag("link", {{"rel", "icon"}, {"href", AssetUrl("icon.svg")}, {"type", "image/svg+xml"}});
  head += Tag("link", {{"rel", "stylesheet"}, {"href", AssetUrl("app.css")}});
  if (charts) head += Tag("script", {{"src", AssetUrl("chart.js")}, {"defer", ""}});
  head += Tag("script", {{"src", AssetUrl("app.js")}, {"defer", ""}});
  return Tag("head", {head});
}

http::Response Document(const http::Request& request, int status, const Html& head, const Html& body) {
  http::Response response{.status = status, .content_type = "text/html; charset=utf-8"};
  response.body = "<!DOCTYPE html>\n" + Tag("html", {{"lang", "en"}}, {head, body}).markup();
  Protect(response);
  response.headers.emplace_back("Cache-Control", "no-store");
  admin::CompressFor(request, response);
  return response;
}

}  // namespace

std::string PageCall::Query(std::string_view name) const {
  return std::string(request.FindQuery(name).value_or(""));
}

http::Response Render(const PageCall& call, const PageText& page) {
  Html who = Tag("span", {{"class", "who"}}, {call.identity.actor});
  if (call.identity.by_cookie) who += PostForm(call, "/logout", {Button("Log out", "quiet")});
  const Html top = Tag("header", {{"class", "top"}},
                       {Tag("a", {{"class", "brand"}, {"href", "/"}}, {"billsync"}), Navigation(page.section),
                        Tag("div", {{"class", "session"}}, {who})});
  const Html main =
      Tag("main", {{"id", "content"}, {"tabindex", "-1"}}, {Tag("h1", {page.title}), Notice(call), page.body});
  const Html foot =
      Tag("footer", {"billsync ", ProgramVersion(), " · times are UTC · ", Link("/api/v1/openapi.json", "API")});
  const Html skip = Tag("a", {{"class", "skip"}, {"href", "#content"}}, {"Skip to content"});
  return Document(call.request, page.status, Head(page.title, page.charts), Tag("body", {skip, top, main, foot}));
}

http::Response RenderOutside(const http::Request& request, const std::string& title, const Html& body, int status) {
  return Document(request, status, Head(title, false),
                  Tag("body", {{"class", "outside"}}, {Tag("main", {{"id", "content"}}, {body})}));
}

http::Response FaultPage(const PageCall& call, int status, const std::string& detail) {
  PageText page{.title = std::string(http::ReasonPhrase(status)), .section = "", .body = {}, .status = status};
  page.body = Tag("p", {{"class", "fault"}, {"role", "alert"}}, {detail});
  page.body += Tag("p", {Link("/", "To the overview")});
  return Render(call, page);
}

http::Response RedirectTo(const std::string& url) {
  http::Response response{.status = 303};
  response.headers.emplace_back("Location", url);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Html PostForm(const PageCall& call, const std::string& url, std::initializer_list<Html> children,
              const char* css_class) {
  Html inside = Tag("input", {{"type", "hidden"}, {"name", "csrf"}, {"value", call.identity.csrf}});
  for (const Html& child : children) inside += child;
  return Tag("form",
             {{"method", "post"},
              {"action", url},
              {"class", css_class == nullptr ? std::nullopt : std::optional<std::string>(css_class)}},
             {inside});
}

Html Button(const char* text, const char* css_class) {
  return Tag(
      "button",
      {{"type", "submit"}, {"class", css_class == nullptr ? std::nullopt : std::optional<std::string>(css_class)}},
      {text});
}

void Protect(http::Response& response) {
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
}

}  // namespace billsync::console
