#include "billsync/db/session.h"

#include <array>
#include <map>
#include <pqxx/pqxx>
#include <utility>

#include "copy_line.h"
#include "db/session_sql.h"
#include "error_map.h"
#include "row_reader.h"

namespace billsync::db {
namespace {

// Collects what the server says beside results; libpq would print it to standard error.
class NoticeCollector : public pqxx::errorhandler {
 public:
  NoticeCollector(pqxx::connection_base& connection, std::vector<std::string>& notices)
      : pqxx::errorhandler(connection), notices_(notices) {}
  bool operator()(const char message[]) noexcept override {
    try {
      notices_.emplace_back(message);
      if (notices_.size() > 200) notices_.erase(notices_.begin());
    } catch (...) {  // out of memory: a lost notice is better than a crash in a C callback
    }
    return false;
  }

 private:
  std::vector<std::string>& notices_;
};

bool IsUrl(const std::string& url) {
  return url.starts_with("postgres://") || url.starts_with("postgresql://");
}

// A server that vanished without a word (power, network, failover) is noticed in half a minute instead of the hours of
// the kernel's defaults: until then its sessions look as if they waited for an answer. Unix sockets ignore these.
constexpr std::array<std::pair<const char*, const char*>, 4> kLiveness = {{{"keepalives_idle", "10"},
                                                                           {"keepalives_interval", "5"},
                                                                           {"keepalives_count", "4"},
                                                                           {"tcp_user_timeout", "30000"}}};

// `url` with our connection keywords added. A keyword the caller gave wins in a URL's query; ours come first in a
// keyword string, where the last one wins.
std::string ConnectionString(const ConnectOptions& options) {
  const std::string timeout = std::to_string(options.connect_timeout.count());
  if (!IsUrl(options.url)) {
    std::string keywords = "application_name='billsync " + options.role + "' connect_timeout=" + timeout;
    for (const auto& [key, value] : kLiveness) keywords += std::string(" ") + key + "=" + value;
    return keywords + " client_encoding=UTF8 " + options.url;
  }
  const char separator = options.url.find('?') == std::string::npos ? '?' : '&';
  std::string out = options.url;
  auto add = [&, next = separator](std::string_view key, const std::string& value) mutable {
    if (options.url.find(std::string(key) + '=') != std::string::npos) return;
    out += next;
    next = '&';
    out += std::string(key) + '=' + value;
  };
  add("application_name", "billsync%20" + options.role);
  add("connect_timeout", timeout);
  add("client_encoding", "UTF8");
  for (const auto& [key, value] : kLiveness) add(key, value);
  return out;
}

std::vector<const char*> RawValues(const Params& params) {
  std::vector<const char*> raw;
  raw.reserve(params.values().size());
  for (const auto& value : params.values()) raw.push_back(value ? value->c_str() : nullptr);
  return raw;
}

}  // namespace

struct Session::Impl {
  explicit Impl(ConnectOptions given) : options(std::move(given)) {}
  ConnectOptions options;
  std::vector<std::string> notices;
  std::unique_ptr<pqxx::connection> connection;
  std::unique_ptr<NoticeCollector> collector;
  std::unique_ptr<pqxx::nontransaction> channel;  // raw statements; BEGIN and COMMIT are ours
  bool broken = false;
  std::map<std::string, std::string> prepared;  // text → name
  std::optional<bool> direct;                   // see IsDirect; empty: not asked yet
  bool durable = false;                         // the session is set up for ExecDurably
  bool failed = false;  // a statement of the running transaction was refused: the server will only roll it back
};

Session::Session(ConnectOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  try {
    impl_->connection = std::make_unique<pqxx::connection>(ConnectionString(impl_->options));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    // Deprecated because 7.x never reconnects; 6.4 does, and would go on outside our transaction.
    impl_->connection->inhibit_reactivation(true);
#pragma GCC diagnostic pop
    impl_->collector = std::make_unique<NoticeCollector>(*impl_->connection, impl_->notices);
    impl_->channel = std::make_unique<pqxx::nontransaction>(*impl_->connection);
  } catch (...) {
    RethrowMapped("connect", false, &impl_->broken);
  }
  if (impl_->options.refuse_hidden_rows) RefuseHiddenRows();
}

void Session::RefuseHiddenRows() {
  Transaction tx(*this, {.read_only = true});
  std::string tables;
  if (tx.Exec(sql::kFilterCheckExists).Only().Bool("present")) {  // not before the first migration
    for (const Row row : tx.Exec(sql::kFilteredTables)) tables += (tables.empty() ? "" : ", ") + row.Text("table_name");
  }
  tx.Commit();
  if (!tables.empty()) {
    throw Bug("row-level security may hide rows of " + tables + " from this role; as an owner run: psql -f " +
                  "config/postgres-roles.sql and grant billsync_service to it",
              "42501");
  }
}

// Whether the server process is ours for as long as the session lives. A pooler that shares processes between
// transactions makes up the number that it tells its clients; one that does not is taken for the other kind.
bool Session::IsDirect() {
  if (impl_->direct) return *impl_->direct;
  // In a transaction or, before the first, in one of its own.
  try {
    const Result process = MakeResult(impl_->channel->exec("SELECT pg_backend_pid() AS pid"));
    impl_->direct = process.Only().Int("pid") == impl_->connection->backendpid();
  } catch (...) {
    RethrowMapped("server process", false, &impl_->broken);
  }
  return *impl_->direct;
}

Result Session::RunPrepared(const char* name, const std::string& sql, const Params& params, bool committing) {
  const auto raw = RawValues(params);
  try {
    auto prepared = impl_->prepared.find(sql);
    if (prepared == impl_->prepared.end()) {
      const std::string as = "billsync_" + std::to_string(impl_->prepared.size() + 1);
      impl_->connection->prepare(as, sql);
      prepared = impl_->prepared.emplace(sql, as).first;
    }
    return MakeResult(impl_->channel->exec_prepared(prepared->second, pqxx::prepare::make_dynamic_params(raw)));
  } catch (...) {
    impl_->failed = true;
    try {
      RethrowMapped(name, committing, &impl_->broken);
    } catch (const Bug& e) {
      // A column's type changed under the statement, or somebody made the server forget it: a new session is well.
      if (e.sqlstate() != "0A000" && e.sqlstate() != "26000") throw;
      impl_->broken = true;
      throw Transient(e.what(), e.sqlstate());
    }
    throw;  // not reached: RethrowMapped does not return
  }
}

Result Session::ExecDurably(const char* name, const std::string& sql, const Params& params) {
  if (!IsDirect()) {
    Transaction tx(*this, {.durable = true});
    auto result = tx.Exec(name, sql, params);
    tx.Commit();
    return result;
  }
  if (!impl_->durable) {
    Transaction tx(*this);  // what is set for the session in a transaction stays when that commits
    tx.ExecScript("durably",
                  "SELECT set_config('synchronous_commit', 'on', false) "
                  "WHERE current_setting('synchronous_commit') = 'off'; SET jit = off; "
                  "SET statement_timeout = '" +
                      std::to_string(impl_->options.statement_timeout.count()) + "s'");
    tx.Commit();
    impl_->durable = true;
  }
  return RunPrepared(name, sql, params, true);
}

Session::~Session() = default;

bool Session::Broken() const {
  return impl_->broken;
}

std::vector<std::string> Session::TakeNotices() {
  return std::exchange(impl_->notices, {});
}

const ConnectOptions& Session::options() const {
  return impl_->options;
}

Transaction::Transaction(Session& session, TransactionOptions options) : session_(session), by_key_(options.by_key) {
  const auto timeout = options.statement_timeout.value_or(session.options().statement_timeout);
  std::string begin = "BEGIN";
  begin += options.snapshot ? " ISOLATION LEVEL REPEATABLE READ" : " ISOLATION LEVEL READ COMMITTED";
  begin += options.read_only ? " READ ONLY;" : ";";
  // Compiling a statement costs more than any of ours takes, and the planner's guess decides about it.
  begin +=
      "SET LOCAL jit = off; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';"
      "SET LOCAL search_path = public, pg_temp; SET LOCAL statement_timeout = '" +
      std::to_string(timeout.count()) + "s'";
  if (options.durable) {
    begin +=
        "; SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";
  }
  if (options.by_key) begin += "; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan";
  session_.impl_->failed = false;
  open_ = true;
  try {
    ExecScript("begin", begin);
  } catch (...) {
    session_.impl_->broken = true;  // no destructor will run to roll back what may have begun
    throw;
  }
}

Transaction::~Transaction() {
  if (!open_ || session_.impl_->broken) return;
  try {
    session_.impl_->channel->exec("ROLLBACK");
  } catch (...) {  // the server rolls back by itself when the connection goes
    session_.impl_->broken = true;
  }
}

Result Transaction::Exec(const Query& query, const Params& params) {
  return by_key_ ? ExecPrepared(query.name, query.sql, params) : Exec(query.name, query.sql, params);
}

Result Transaction::ExecPrepared(const char* name, const std::string& sql, const Params& params) {
  return session_.IsDirect() ? session_.RunPrepared(name, sql, params, false) : Exec(name, sql, params);
}

Result Transaction::Exec(const char* name, const std::string& sql, const Params& params) {
  const auto raw = RawValues(params);
  try {
    return MakeResult(session_.impl_->channel->exec_params(sql, pqxx::prepare::make_dynamic_params(raw)));
  } catch (...) {
    session_.impl_->failed = true;
    RethrowMapped(name, false, &session_.impl_->broken);
  }
}

void Transaction::Stream(const char* name, const std::string& query,
                         const std::function<void(const Fields& fields)>& take) {
  // COPY and not a cursor, whose rows are made twice over and never by several processes of the server. libpqxx puts
  // the table's name into the command as it is.
  Session::Impl& session = *session_.impl_;
  std::exception_ptr refused;
  try {
    pqxx::stream_from rows(*session.channel, "(" + query + ")");
    CopyLine copied;
    for (std::string line; !refused && rows.get_raw_line(line);) {
      try {
        if (line.ends_with('\n')) line.pop_back();
        take(copied.Split(line));
      } catch (...) {
        refused = std::current_exception();
        session.connection->cancel_query();  // or the stream would read what is left
      }
    }
    if (!refused) rows.complete();
  } catch (...) {
    session.failed = true;
    if (!refused) RethrowMapped(name, false, &session.broken);
  }
  if (!refused) return;
  session.failed = true;
  std::rethrow_exception(refused);
}

void Transaction::ExecScript(const char* name, const std::string& sql) {
  try {
    session_.impl_->channel->exec(sql);
  } catch (...) {
    session_.impl_->failed = true;
    RethrowMapped(name, false, &session_.impl_->broken);
  }
}

void Transaction::Commit() {
  // The server answers this COMMIT with a rollback and no error: whoever went on after a failure must hear of it.
  if (session_.impl_->failed)
    throw Bug("commit: a statement of this transaction failed; nothing was committed", "25P02");
  open_ = false;
  try {
    session_.impl_->channel->exec("COMMIT");
  } catch (...) {
    RethrowMapped("commit", true, &session_.impl_->broken);
  }
}

}  // namespace billsync::db
