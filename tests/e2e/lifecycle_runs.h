// Ways for a lifecycle to arrive, posted to a running program over several connections, and what came of it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "e2e/lifecycles.h"
#include "support/postgres.h"

namespace billsync::testing {

// Which versions a twin's events are posted in.
enum class Mode { kOld, kNew, kMixed };
inline constexpr std::array<Mode, 3> kModes{Mode::kOld, Mode::kNew, Mode::kMixed};

// One twin: its events in the order in which they arrive, some of them several times.
struct Run {
  struct Delivery {
    uint8_t event;
    Shape shape;
  };
  const Lifecycle* lifecycle = nullptr;
  Twin twin;
  Mode mode = Mode::kNew;
  // Its deliveries go over any of the connections, at the same time; else over one, each after the last was answered.
  bool scattered = false;
  std::vector<Delivery> deliveries;

  // "I07-renewal, old shape: 3a 1a 2a 1a"
  std::string Describe() const;
};

// Draws runs; the same seed draws the same ones. Twins are numbered from 0, in the order of the runs.
class RunPlan {
 public:
  explicit RunPlan(uint64_t seed) : seed_(seed), random_(seed) {}
  // Every order of the lifecycle's events, in each mode.
  void AddAllOrders(const Lifecycle& lifecycle);
  // So many drawn orders in each mode.
  void AddDrawnOrders(const Lifecycle& lifecycle, int count);
  const std::vector<Run>& runs() const { return runs_; }

 private:
  void Add(const Lifecycle& lifecycle, Mode mode, const std::vector<uint8_t>& order);
  bool Chance(int percent) { return static_cast<int>(random_() % 100) < percent; }

  const uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<Run> runs_;
};

// The events of the lifecycle that exist in that mode, by index.
std::vector<uint8_t> EventsIn(const Lifecycle& lifecycle, Mode mode);

// The users of the runs, as they are before any event. With `linked` false none has a Stripe customer id yet.
void AddUsersOf(TestDatabase& database, const std::vector<Run>& runs, bool linked = true);

// Posts all deliveries, signed, over so many keep-alive connections, the runs woven into each other. The faults: what
// was not answered 200 in the end (503 is tried again). The count of posted deliveries comes first.
std::pair<size_t, std::vector<std::string>> PostRuns(uint16_t port, const std::vector<Run>& runs, int connections);

// Waits until nothing is received or parked any more, as long as that goes on getting less; false if it stops at more.
bool WaitUntilSettled(TestDatabase& database);

// How the rows and the events' statuses differ from what the fixtures expect, a line for each value that does: which
// run, table, column, what was expected and what is there. Empty when nothing differs.
std::vector<std::string> Differences(TestDatabase& database, const std::vector<Run>& runs);

// Differences for a person: the first ones in full, then how many of each kind.
std::string Summary(const std::vector<std::string>& differences);

}  // namespace billsync::testing
