// Every page, by the file it is in. Each is told who looks and answers a whole document.
#pragma once

#include "page.h"

namespace billsync::console {

http::Response OverviewPage(const PageCall& call);
http::Response UsagePage(const PageCall& call);
http::Response InvoicesPage(const PageCall& call);
http::Response SubscriptionsPage(const PageCall& call);
http::Response UsersPage(const PageCall& call);
http::Response UserPage(const PageCall& call);
http::Response EventsPage(const PageCall& call);
http::Response EventPage(const PageCall& call);
http::Response ObjectPage(const PageCall& call);
http::Response PeriodsPage(const PageCall& call);
http::Response PeriodPage(const PageCall& call);
http::Response JobsPage(const PageCall& call);
http::Response JobPage(const PageCall& call);
http::Response AuditPage(const PageCall& call);

// What forms post; they answer with a redirect to a page that tells, or with a page that says what is wrong.
http::Response PostRetry(const PageCall& call);
http::Response PostRunJob(const PageCall& call);
http::Response PostClose(const PageCall& call);
http::Response PostAdjustment(const PageCall& call);

// GET and POST /login, POST /logout: for those without a session.
http::Response LoginPage(const ConsoleParts& parts, const http::Request& request);
http::Response PostLogin(const ConsoleParts& parts, const http::Request& request);
http::Response PostLogout(const PageCall& call);

// Fields of a posted form with this name.
std::vector<std::string> FormValues(const http::Request& request, std::string_view name);
std::string FormValue(const http::Request& request, std::string_view name);

}  // namespace billsync::console
