// What every page shares: who looks, the frame around the content, messages, faults.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "billsync/admin/listing.h"
#include "billsync/console/console.h"
#include "billsync/http/response.h"
#include "html.h"

namespace billsync::console {

// What a page is given.
struct PageCall {
  const ConsoleParts& parts;
  const admin::Identity& identity;
  const http::Request& request;
  bool IsOps() const { return identity.role == admin::Role::kOps; }
  // The first query parameter, "" if absent.
  std::string Query(std::string_view name) const;
  admin::Asker Asker() const { return {identity, request.remote_addr}; }
};

// The content of a page.
struct PageText {
  std::string title;
  std::string section;  // the entry of the navigation that is marked: "usage"
  Html body;
  bool charts = false;  // needs the chart library
  int status = 200;
};

// The page in its frame, compressed if the browser takes it, never stored.
http::Response Render(const PageCall& call, const PageText& page);
// The same for somebody without a session.
http::Response RenderOutside(const http::Request& request, const std::string& title, const Html& body, int status);

// A page that says what is wrong, and what can be done.
http::Response FaultPage(const PageCall& call, int status, const std::string& detail);
// To another page; a result is told there, see Notice.
http::Response RedirectTo(const std::string& url);

// A form that changes something: POST with the session's form token.
Html PostForm(const PageCall& call, const std::string& url, std::initializer_list<Html> children,
              const char* css_class = nullptr);
Html Button(const char* text, const char* css_class = nullptr);

// Puts the headers on that keep a page to itself: Content-Security-Policy and its kin.
void Protect(http::Response& response);

}  // namespace billsync::console
