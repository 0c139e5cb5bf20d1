// Fuzz targets: functions that must survive any bytes and keep the laws written in them.
//
// Each is run in two ways: `make fuzz` builds them with libFuzzer and sanitizers and searches for inputs that break
// them; `make test` replays tests/fuzz/corpus/<name>/, what is worth keeping of what was found.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace billsync::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);  // throws, or dies, when a law is broken
};

// The one list. The first is the canary, which has a bug planted: whoever runs the list has to see it die.
std::span<const Target> Targets();

// The target of that name; throws std::invalid_argument when there is none.
const Target& FindTarget(std::string_view name);

// A law that holds for every input.
inline void Must(bool holds, const char* law) {
  if (!holds) throw std::logic_error(law);
}

// The parts of `input` between bytes `separator`, empty ones included.
std::vector<std::string_view> SplitAt(std::string_view input, char separator);

void Canary(std::string_view input);
void Signature(std::string_view input);
void Body(std::string_view input);
void Decode(std::string_view input);
void Merge(std::string_view input);
void Burst(std::string_view input);
void Head(std::string_view input);
void Configuration(std::string_view input);

}  // namespace billsync::fuzz
