// Where the load's events come from. Made up as they are asked for: a million of them would not fit into memory.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace billsync::bench {

class EventSource {
 public:
  virtual ~EventSource() = default;
  // The body of the next event, or nothing when there is none left.
  virtual std::optional<std::string> Next() = 0;
};

// Copies of lifecycles (fixtures/lifecycles/*/SHAPE), each with ids of its own and a user of its own, about a hundred
// of them told at once and interleaved at random; each life's events come in their order. Never ends.
//
// Copies belong to the users UserId(first_user) and up, in turn. `run` goes into every id, so that two runs share none;
// letters and digits.
class Lives : public EventSource {
 public:
  // Throws std::runtime_error when a directory has no events.
  Lives(const std::vector<std::string>& directories, const std::string& run, uint64_t first_user, uint64_t seed);
  std::optional<std::string> Next() override;

 private:
  // A body cut where an id (kName) or a user (kUser) goes; pieces has one more than slots.
  enum class Slot { kName, kUser };
  struct Template {
    std::vector<std::string> pieces;
    std::vector<Slot> slots;
  };
  struct Life {
    const std::vector<Template>* events = nullptr;
    size_t next = 0;
    uint64_t number = 0;
  };

  static Template Cut(const std::string& body, const std::string& tag);
  Life Begin();

  std::string run_;
  std::mt19937_64 random_;
  std::vector<std::vector<Template>> lifecycles_;
  std::vector<Life> told_;
  uint64_t begun_;
};

// bbbbbbbb-0000-4000-8000-NNNNNNNNNNNN, in decimal digits: what the bench's SQL makes users with.
std::string UserId(uint64_t number);

// One body a line. Throws std::runtime_error when the file cannot be read.
class Lines : public EventSource {
 public:
  explicit Lines(const std::string& file);
  std::optional<std::string> Next() override;

 private:
  std::ifstream in_;
};

}  // namespace billsync::bench
