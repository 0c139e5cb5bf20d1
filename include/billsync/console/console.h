// The console: pages of the admin listener for people with a browser.
#pragma once

#include <memory>

#include "billsync/admin/actions.h"
#include "billsync/admin/login_limit.h"
#include "billsync/admin/reading.h"
#include "billsync/admin/token_guard.h"
#include "billsync/db/pool.h"
#include "billsync/http/router.h"

namespace billsync::console {

// What the pages work on; all outlives the listener.
struct ConsoleParts {
  const admin::TokenGuard* guard = nullptr;
  db::Pool* pool = nullptr;
  admin::Actions* actions = nullptr;
  admin::LoginLimit* login_limit = nullptr;
  Clock clock;
};

// Adds the pages (/, /usage, /invoices, /subscriptions, /events, /periods, /jobs, /users, /objects, /audit), /login,
// /logout and /assets, and answers paths that do not exist. Every page is whole without JavaScript. Without a session a
// browser is sent to /login, any other client gets 401.
void AddConsole(http::Router& router, const ConsoleParts& parts);

}  // namespace billsync::console
