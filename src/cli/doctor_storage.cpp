#include <algorithm>
#include <array>
#include <filesystem>

#include "cli/doctor_sql.h"
#include "doctor.h"

namespace billsync::cli {
namespace {

std::string Size(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  int64_t left = bytes;
  for (; left >= 10 * 1024 && unit + 1 < kUnits.size(); ++unit) left /= 1024;
  return std::to_string(left) + " " + kUnits[unit];
}

void ExamineCare(db::Session& session, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  bool kept = true;
  for (const db::Row row : tx.Exec(sql::kTablesToClean)) {
    kept = false;
    const std::string table = row.Text("table_name");
    const auto last = row.OptAt("last_vacuum");
    findings.Warning("bloat",
                     table + " has " + row.Text("dead") + " dead rows beside " + row.Text("live") + ", last cleaned " +
                         (last ? FormatInstant(*last).substr(0, 16) + "Z" : "never"),
                     "VACUUM (ANALYZE) " + table +
                         "; who keeps it from being cleaned: SELECT pid, xact_start, query "
                         "FROM pg_stat_activity ORDER BY xact_start");
  }
  for (const db::Row row : tx.Exec(sql::kTablesWithoutAutovacuum)) {
    kept = false;
    const std::string table = row.Text("table_name");
    findings.Warning("bloat", "autovacuum is off" + (table.empty() ? "" : " for " + table) + ": tables only grow",
                     table.empty() ? "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()"
                                   : "ALTER TABLE " + table + " RESET (autovacuum_enabled)");
  }
  tx.Commit();
  if (kept) findings.Ok("bloat", "no table waits to be cleaned");
}

// Free space is enough for this long at the pace of the last day, and never less than a GiB.
constexpr int64_t kDaysOfRoom = 14;
constexpr int64_t kLeastRoom = int64_t{1} << 30U;

struct Room {
  std::string where;      // the directory that was asked, which exists
  int64_t available = 0;  // bytes
};

// Of the disk `directory` is on, or will be once it is made; none where that cannot be known.
std::optional<Room> RoomAt(const std::filesystem::path& directory) {
  std::error_code error;
  auto existing = std::filesystem::absolute(directory, error);
  while (!std::filesystem::exists(existing, error) && existing.has_relative_path()) existing = existing.parent_path();
  const auto space = std::filesystem::space(existing, error);
  if (error || space.available == static_cast<std::uintmax_t>(-1)) return std::nullopt;
  return Room{existing.string(), static_cast<int64_t>(space.available)};
}

void TellRoom(const std::string& whose, const std::string& directory, int64_t wanted, Findings& findings) {
  const auto room = RoomAt(directory);
  if (!room) return findings.Ok("disk", "free space of " + whose + " (" + directory + ") cannot be seen from here");
  const std::string what = Size(room->available) + " are free for " + whose + " (" + room->where + ")";
  if (room->available >= wanted) return findings.Ok("disk", what);
  findings.Warning("disk", what + ", less than the " + Size(wanted) + " there should be",
                   "make room, or move it to a larger disk; what is large: du -xh --max-depth=2 '" + room->where +
                       "' | sort -h | tail");
}

void ExamineDisk(db::Session& session, const app::Config& config, Findings& findings) {
  db::Transaction tx(session, {.read_only = true});
  const auto result = tx.Exec(sql::kSizes);
  const auto place = tx.Exec(sql::kDataDirectory);
  tx.Commit();
  const db::Row sizes = result.Only();
  findings.Ok("disk", "the database has " + Size(sizes.Int("database")) + ", of it billsync's tables " +
                          Size(sizes.Int("tables")) + " (stripe_events " + Size(sizes.Int("events")) +
                          ", which grew by " + std::to_string(sizes.Int("events_of_a_day")) + " events, about " +
                          Size(sizes.Int("bytes_of_a_day")) + ", in the last day)");
  const auto data = place.Only().OptText("data_directory");
  if (!place.Only().Bool("here")) {
    findings.Ok("disk", "the database is on another machine, whose free space cannot be seen from here");
  } else if (!data) {
    findings.Ok("disk", "free space of the database cannot be seen by this role, which may not read data_directory (" +
                            std::string("GRANT pg_read_all_settings would let it)"));
  } else {
    TellRoom("the database", *data, std::max(kLeastRoom, kDaysOfRoom * sizes.Int("bytes_of_a_day")), findings);
  }
  if (!config.export_directory.empty()) TellRoom("exports", config.export_directory, kLeastRoom, findings);
}

}  // namespace

void ExamineStorage(db::Session& session, const app::Config& config, Findings& findings) {
  ExamineCare(session, findings);
  ExamineDisk(session, config, findings);
}

}  // namespace billsync::cli
