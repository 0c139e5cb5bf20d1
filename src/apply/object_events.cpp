#include "object_events.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "apply/checkpoints_sql.h"

namespace billsync::apply {
namespace {

using stripe::StoredEvent;

// Events read at once, of all objects together, and of one: a payload has some kilobytes, and a batch may touch
// hundreds of objects that all have many events.
constexpr int64_t kMostInPages = 2048;
constexpr int64_t kMostInPage = 128, kLeastInPage = 8;
// A checkpoint is moved when more events than this lie above it …
constexpr size_t kMostAbove = 24;
// … and then leaves at least so many: events that come a little late should not lie below it.
constexpr size_t kLeastAbove = 8;

// How far the reading of one object has come.
struct Progress {
  Object* object = nullptr;
  std::optional<Instant> horizon;     // of the checkpoint that is used
  bool outdated = false;              // there is a checkpoint, and it must not stay
  std::optional<Instant> read_up_to;  // exclusive bound of the next page
  bool done = false;
  size_t above = 0;                  // events read that are not below the horizon
  std::vector<std::string> awaited;  // of those, what will be claimed later
};

// $1 ids and $2 kinds of objects, as every statement here takes them.
struct KeyColumns {
  std::vector<std::string> ids, kinds;

  void Add(const ObjectKey& key) {
    ids.push_back(key.id);
    kinds.emplace_back(ObjectTypeOf(key.use));
  }
  bool empty() const { return ids.empty(); }
};

class ObjectReader {
 public:
  ObjectReader(db::Transaction& tx, std::map<ObjectKey, Object>& objects) : tx_(tx) {
    for (auto& [key, object] : objects) {
      progress_[key].object = &object;
      kinds_[std::string(ObjectTypeOf(key.use))] = key.use;
      for (const auto* event : object.claimed) {
        claimed_.insert(event->id);
        claimed_ids_.push_back(event->id);
        claimed_objects_.push_back(key.id);
      }
    }
  }

  int64_t Read() {
    FindCheckpoints();
    ReadKept();
    while (ReadPages()) {
    }
    MoveCheckpoints();
    return rows_;
  }

 private:
  void FindCheckpoints() {
    KeyColumns keys;
    for (const auto& [key, unused] : progress_) keys.Add(key);
    const auto rows =
        tx_.Exec(sql::kFindCheckpoints,
                 db::Params::Of(keys.ids, keys.kinds, std::string(stripe::FoldFingerprint()), claimed_ids_));
    for (const db::Row row : rows) {
      Progress& one = At(row);
      one.outdated = row.Bool("outdated");
      if (!one.outdated) one.horizon = one.read_up_to = row.At("horizon");
    }
  }

  void ReadKept() {
    KeyColumns keys;
    for (const auto& [key, one] : progress_) {
      if (one.horizon) keys.Add(key);
    }
    if (keys.empty()) return;
    for (const db::Row row :
         tx_.Exec(sql::kReadKeptEvents, db::Params::Of(keys.ids, keys.kinds, claimed_ids_, claimed_objects_))) {
      Take(row);
    }
  }

  // One page of each object that has more. False when none has.
  bool ReadPages() {
    KeyColumns keys;
    std::vector<std::string> after;
    std::map<ObjectKey, int64_t> sizes;
    for (const auto& [key, one] : progress_) {
      if (one.done) continue;
      keys.Add(key);
      after.push_back(one.read_up_to ? FormatInstant(*one.read_up_to) : "-infinity");
      sizes[key] = 0;
    }
    if (keys.empty()) return false;
    const int64_t page = std::clamp(kMostInPages / std::ssize(keys.ids), kLeastInPage, kMostInPage);
    for (const db::Row row : tx_.Exec(sql::kReadEventPages, db::Params::Of(keys.ids, keys.kinds, after, page))) {
      Progress& one = At(row);
      ++sizes[KeyOf(row)];
      one.read_up_to = std::max(one.read_up_to.value_or(Instant::min()), row.At("created"));
      if (!Take(row)) continue;
      ++one.above;
      if (row.Bool("awaited") && !claimed_.contains(row.Text("id"))) one.awaited.push_back(row.Text("id"));
    }
    for (const auto& [key, size] : sizes) {
      Progress& one = progress_.at(key);
      one.done = size < page;
      if (!one.done) KeepEssential(key, one.object->events);
    }
    return true;
  }

  // False when the event is of another kind of object with the same id.
  bool Take(const db::Row& row) {
    ++rows_;
    if (stripe::UseOf(row.View("type"), row.View("object_type")) != KeyOf(row).use) return false;
    At(row).object->events.push_back({row.Text("id"), row.Text("type"), row.At("created"), row.Text("payload")});
    return true;
  }

  std::set<std::string> EssentialOf(const ObjectKey& key, const std::vector<StoredEvent>& events) const {
    const auto ids = stripe::EssentialEvents(key.use, events);
    return {ids.begin(), ids.end()};
  }

  // What was claimed stays too: its outcome is decided from what it shows.
  void KeepEssential(const ObjectKey& key, std::vector<StoredEvent>& events) const {
    const auto essential = EssentialOf(key, events);
    std::erase_if(events, [&](const StoredEvent& event) {
      return !essential.contains(event.id) && !claimed_.contains(event.id);
    });
  }

  // The second up to which events may be left unread, if there are enough above it. Stripe's stamps are whole seconds.
  static std::optional<Instant> HorizonFor(const std::vector<StoredEvent>& events) {
    if (events.size() <= kLeastAbove) return std::nullopt;
    std::vector<Instant> stamps;
    for (const auto& event : events) stamps.push_back(event.created);
    std::ranges::sort(stamps, std::greater());
    const auto below = std::ranges::find_if(stamps, [&](Instant at) { return at < stamps[kLeastAbove - 1]; });
    return below == stamps.end() ? std::nullopt : std::optional(*below);
  }

  void MoveCheckpoints() {
    db::ArrayColumns saved(5);
    KeyColumns dropped;
    for (const auto& [key, one] : progress_) {
      const auto horizon = one.above > kMostAbove ? HorizonFor(one.object->events) : std::nullopt;
      if (horizon && (!one.horizon || *horizon > *one.horizon)) {
        saved.AddRow(CheckpointOf(key, one, *horizon));
      } else if (one.outdated) {
        dropped.Add(key);
      }
    }
    if (!saved.empty()) {
      auto params = saved.ToParams();
      params.Add(stripe::FoldFingerprint()).Add(claimed_ids_);
      tx_.Exec(sql::kSaveCheckpoints, params);
    }
    if (!dropped.empty()) tx_.Exec(sql::kDropCheckpoints, db::Params::Of(dropped.ids, dropped.kinds));
  }

  db::Params CheckpointOf(const ObjectKey& key, const Progress& one, Instant horizon) const {
    std::vector<StoredEvent> below;
    std::ranges::copy_if(one.object->events, std::back_inserter(below),
                         [&](const StoredEvent& event) { return event.created <= horizon; });
    const auto kept = EssentialOf(key, below);
    return db::Params::Of(key.id, ObjectTypeOf(key.use), horizon, std::vector<std::string>(kept.begin(), kept.end()),
                          one.awaited);
  }

  ObjectKey KeyOf(const db::Row& row) const { return {kinds_.at(row.Text("kind")), row.Text("object_id")}; }
  Progress& At(const db::Row& row) { return progress_.at(KeyOf(row)); }

  db::Transaction& tx_;
  std::map<ObjectKey, Progress> progress_;
  std::map<std::string, stripe::EventUse> kinds_;
  std::set<std::string> claimed_;
  std::vector<std::string> claimed_ids_, claimed_objects_;
  int64_t rows_ = 0;
};

}  // namespace

int64_t ReadObjectEvents(db::Transaction& tx, std::map<ObjectKey, Object>& objects) {
  return objects.empty() ? 0 : ObjectReader(tx, objects).Read();
}

}  // namespace billsync::apply
