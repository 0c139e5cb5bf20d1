#include "billsync/db/migrator.h"

#include <openssl/sha.h>

#include <map>
#include <optional>
#include <thread>

#include "billsync/base/parse.h"
#include "db/migrations_sql.h"
#include "db/migrator_sql.h"

namespace billsync::db {
namespace {

std::string Sha256Hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

// The text after "-- note:" on a line of its own, or nothing.
std::string NoteOf(std::string_view sql) {
  constexpr std::string_view kMark = "\n-- note:";
  const size_t at = sql.find(kMark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = sql.substr(at + kMark.size());
  return std::string(Trim(rest.substr(0, rest.find('\n'))));
}

// name → checksum of what the database has. The table may not be there yet.
std::map<std::string, std::string> AppliedMigrations(Transaction& tx) {
  std::map<std::string, std::string> applied;
  if (!tx.Exec(sql::kMigrationTableExists).Only().Bool("present")) return applied;
  for (const Row row : tx.Exec(sql::kListAppliedMigrations)) {
    applied.emplace(row.Text("name"), row.Text("checksum"));
  }
  return applied;
}

std::vector<const MigrationText*> Pending(const std::map<std::string, std::string>& applied) {
  std::vector<const MigrationText*> pending;
  size_t known = 0;
  for (const MigrationText& text : kMigrationTexts) {
    const auto found = applied.find(text.name);
    if (found == applied.end()) {
      pending.push_back(&text);
      continue;
    }
    ++known;
    if (found->second != Sha256Hex(text.sql)) {
      throw Bug(std::string("migration ") + text.name + " was applied with another text than this program carries; " +
                    "run the billsync release that applied it, or a newer one",
                "");
    }
  }
  if (known != applied.size()) {
    throw Bug("the database has migrations this program does not know; run a newer billsync", "");
  }
  return pending;
}

// On a live database a table lock that waits makes everybody behind it wait too: give up after five seconds, let them
// pass, try again. The same when it was the victim of a deadlock with somebody who locks in another order.
constexpr const char* kLockTimeout = "SET LOCAL lock_timeout = '5s'";
constexpr std::string_view kLockNotAvailable = "55P03", kDeadlock = "40P01";
constexpr int kLockAttempts = 20;

// Applies the first pending migration in a transaction of its own; none when nothing is pending.
std::optional<PendingMigration> ApplyNext(Session& session, const std::function<void(const std::string&)>& progress) {
  Transaction tx(session, {.statement_timeout = std::chrono::hours(1)});
  tx.Exec(sql::kLockMigrations);
  const auto pending = Pending(AppliedMigrations(tx));
  if (pending.empty()) return std::nullopt;
  const MigrationText& next = *pending.front();
  progress(next.name);
  tx.ExecScript("lock_timeout", kLockTimeout);
  tx.ExecScript(next.name, next.sql);
  tx.Exec(sql::kCreateMigrationTable);
  tx.Exec(sql::kRecordMigration, Params::Of(next.name, Sha256Hex(next.sql)));
  tx.Commit();
  return PendingMigration{next.name, NoteOf(next.sql)};
}

// What `role` (none: the one of the session) may not do with billsync's tables: "SELECT on billing_x", ….
std::vector<std::string> MissingRights(Session& session, const std::optional<std::string>& role) {
  Transaction tx(session, {.read_only = true});
  std::vector<std::string> missing;
  for (const Row row : tx.Exec(sql::kMissingRights, Params::Of(role))) missing.push_back(row.Text("lacks"));
  tx.Commit();
  return missing;
}

// Tables that a migration has added are nobody's until their owner shares them.
std::string WhyRefused(Session& session, const std::optional<std::string>& role) {
  const auto missing = MissingRights(session, role);
  if (missing.empty()) return {};
  return "the role " + role.value_or("that billsync connects as") + " lacks " + std::to_string(missing.size()) +
         " rights, such as " + missing.front() +
         "; as the owner of the tables run: psql \"$DATABASE_URL\" -1 -v ON_ERROR_STOP=1 -f config/postgres-roles.sql";
}

}  // namespace

std::vector<PendingMigration> PendingMigrations(Session& session) {
  Transaction tx(session, {.read_only = true});
  std::vector<PendingMigration> out;
  for (const MigrationText* text : Pending(AppliedMigrations(tx))) out.push_back({text->name, NoteOf(text->sql)});
  tx.Commit();
  return out;
}

std::string WhyUnfit(Session& session) {
  if (!PendingMigrations(session).empty()) return "the database schema is not current; run: billsync migrate";
  return WhyRefused(session, std::nullopt);
}

MigrationReport Migrate(Session& session, const std::function<void(const std::string&)>& progress) {
  MigrationReport report;
  session.TakeNotices();
  for (int attempt = 1;; ++attempt) {
    try {
      const auto applied = ApplyNext(session, progress);
      if (!applied) break;
      report.applied.push_back(*applied);
      attempt = 0;
    } catch (const Transient& e) {
      if ((e.sqlstate() != kLockNotAvailable && e.sqlstate() != kDeadlock) || attempt >= kLockAttempts) throw;
      progress("waiting: another session holds a lock this migration needs");
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
  for (const std::string& notice : session.TakeNotices()) {
    if (notice.starts_with("WARNING")) report.warnings.emplace_back(Trim(notice));
  }
  if (const auto why = WhyRefused(session, "billsync_service"); !why.empty()) report.warnings.push_back(why);
  return report;
}

int SchemaVersion() {
  return static_cast<int>(kMigrationTexts.size());
}

}  // namespace billsync::db
