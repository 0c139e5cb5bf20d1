// Brings a database to the schema this program needs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "billsync/db/session.h"

namespace billsync::db {

// A migration this program carries and the database has not seen.
struct PendingMigration {
  std::string name;
  std::string note;  // the file's "-- note:" line: what an operator should know before running it; may be empty
};

struct MigrationReport {
  std::vector<PendingMigration> applied;
  // What the server warned of, and rights that the role billsync_service lacks now; each with the way out.
  std::vector<std::string> warnings;
};

// Migrations not yet applied, in order. Throws Bug when an applied one has another checksum than ours (edited after
// release) or when the database is ahead of this program.
std::vector<PendingMigration> PendingMigrations(Session& session);

// Why this program cannot work on the database as the role it is connected as, and the command that mends it; empty
// when it can. Throws as PendingMigrations does.
std::string WhyUnfit(Session& session);

// Applies what is pending, each in a transaction of its own under an advisory transaction lock, so that any number of
// callers may start together. `progress` is told the name before each. Throws as PendingMigrations does.
MigrationReport Migrate(Session& session, const std::function<void(const std::string&)>& progress);

// Number of the newest migration in this program; exports name it as schema version.
int SchemaVersion();

}  // namespace billsync::db
