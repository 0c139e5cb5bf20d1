// SQL text with a name. Constants of this type are generated from the .sql files beside the C++ that uses them.
#pragma once

namespace billsync::db {

// One statement of a .sql file ("-- name: ClaimDueEvents"); the name appears in errors and metrics, never in SQL.
struct Query {
  const char* name;
  const char* sql;
};

// One file of src/db/migrations; `name` is the file's name without ".sql".
struct MigrationText {
  const char* name;
  const char* sql;
};

}  // namespace billsync::db
