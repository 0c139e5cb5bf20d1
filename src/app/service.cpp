#include "billsync/app/service.h"

#include <stdexcept>

#include "billsync/admin/api.h"
#include "billsync/admin/readiness.h"
#include "billsync/admin/report_routes.h"
#include "billsync/app/job_list.h"
#include "billsync/base/log.h"
#include "billsync/console/console.h"
#include "billsync/db/migrator.h"
#include "billsync/http/server.h"
#include "billsync/webhook/endpoint.h"

namespace billsync::app {
namespace {

// How long requests in flight may take to finish at a stop; longer than the inbox's patience.
constexpr std::chrono::milliseconds kDrain{5000};

std::optional<bool> WantedMode(Livemode livemode) {
  switch (livemode) {
    case Livemode::kAny:
      return std::nullopt;
    case Livemode::kLive:
      return true;
    case Livemode::kTest:
      return false;
  }
  return std::nullopt;
}

http::Limits PublicLimits(const Config& config) {
  http::Limits limits;
  limits.max_connections = config.max_connections;
  limits.max_connections_per_peer = config.max_connections_per_peer;
  limits.tls_certificate_file = config.tls_certificate_file;
  limits.tls_key_file = config.tls_key_file;
  return limits;
}

// Exports hold a worker while they last; pages need others meanwhile.
http::Limits AdminLimits() {
  http::Limits limits;
  limits.workers = admin::kMostStreams + 5;
  return limits;
}

// Before the first batch. Throws std::runtime_error when the schema is not current, or rights are missing.
void Prepare(db::Session& session, const Config& config) {
  if (const auto why = db::WhyUnfit(session); !why.empty()) throw std::runtime_error(why);
  apply::AdoptPlanMap(session, PlanFingerprint(config), FreeQuota(config));
  apply::AdoptReadTypes(session);
}

// Refuses to start on a schema that does not fit. False when the database is away: it may come back.
bool PrepareNow(db::Pool& pool, const Config& config) {
  try {
    Prepare(*pool.Acquire(), config);
    return true;
  } catch (const db::Bug& e) {
    throw std::runtime_error(std::string("the database schema does not fit this program: ") + e.what());
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "the database cannot be reached yet", {{"error", e.what()}});
    return false;
  }
}

}  // namespace

struct Service::Parts {
  explicit Parts(Config given)
      : config(std::move(given)),
        pool(MakeConnectOptions(config, "serve"), config.database_sessions),
        applier(pool, MakeApplyOptions(config), SystemNow),
        inbox(MakeConnectOptions(config, "inbox"), {}, [this] { applier.Wake(); }),
        endpoint({config.webhook_secrets, config.signature_tolerance, WantedMode(config.livemode)}, inbox, SystemNow),
        scheduler(pool, MakeJobs(config), SystemNow),
        ended_sessions(pool),
        guard(config.admin_tokens, SystemNow, &ended_sessions),
        actions(
            pool, [this] { applier.Wake(); }, SystemNow) {}

  const Config config;
  db::Pool pool;
  apply::Applier applier;
  webhook::Inbox inbox;
  webhook::Endpoint endpoint;
  jobs::Scheduler scheduler;
  admin::EndedSessions ended_sessions;
  admin::TokenGuard guard;
  admin::Actions actions;
  admin::LoginLimit login_limit;
  std::unique_ptr<admin::Readiness> readiness;
  std::unique_ptr<http::Server> public_server, admin_server;
  uint16_t public_port = 0, admin_port = 0;
};

Service::Service(Config config) : parts_(std::make_unique<Parts>(std::move(config))) {}

Service::~Service() {
  Stop();
}

void Service::Start() {
  Parts& p = *parts_;
  http::Router router;
  p.endpoint.AddTo(router);
  p.readiness = std::make_unique<admin::Readiness>(p.pool);
  p.readiness->AddTo(router);
  p.public_server = std::make_unique<http::Server>(std::move(router), PublicLimits(p.config), "public");
  p.public_port = p.public_server->Bind(p.config.listen);
  if (p.config.admin_tokens.empty()) {
    Log(LogLevel::kWarning, "no admin listener: set BILLSYNC_ADMIN_TOKEN to get /metrics and the API");
  } else {
    for (const admin::Token& token : p.config.admin_tokens) {
      if (token.IsShort()) {
        Log(LogLevel::kWarning, "an admin token of fewer than 16 characters may be guessed: replace it",
            {{"role", admin::Name(token.role)}});
      }
    }
    http::Router admin_router;
    admin::AddRoutes(admin_router, {.guard = &p.guard,
                                    .metrics = {p.public_server.get(), &p.endpoint, &p.inbox, &p.applier, &p.scheduler,
                                                &p.pool, SystemNow, SystemNow()},
                                    .pool = &p.pool,
                                    .actions = &p.actions});
    console::AddConsole(
        admin_router,
        {.guard = &p.guard, .pool = &p.pool, .actions = &p.actions, .login_limit = &p.login_limit, .clock = SystemNow});
    p.admin_server = std::make_unique<http::Server>(std::move(admin_router), AdminLimits(), "admin");
    p.admin_port = p.admin_server->Bind(p.config.admin_listen);
  }
  if (PrepareNow(p.pool, p.config)) {
    p.applier.Start();
  } else {
    p.applier.Start([&p](db::Session& session) { Prepare(session, p.config); });
  }
  p.scheduler.Start();
  if (p.admin_server) p.admin_server->Start();
  p.public_server->Start();
}

void Service::Stop() {
  Parts& p = *parts_;
  if (p.public_server) p.public_server->Stop(kDrain);  // the inbox still answers what is in flight
  p.inbox.Stop();
  if (p.admin_server) p.admin_server->Stop(kDrain);
  p.scheduler.Stop();
  p.applier.Stop();
}

uint16_t Service::public_port() const {
  return parts_->public_port;
}

uint16_t Service::admin_port() const {
  return parts_->admin_port;
}

}  // namespace billsync::app
