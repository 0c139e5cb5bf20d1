#include <algorithm>
#include <array>
#include <string>

#include "fuzz/target.h"

namespace billsync::fuzz {
namespace {

constexpr std::array kTargets = {
    Target{"canary", Canary}, Target{"signature", Signature}, Target{"body", Body}, Target{"decode", Decode},
    Target{"merge", Merge},   Target{"burst", Burst},         Target{"head", Head}, Target{"config", Configuration},
};

}  // namespace

std::span<const Target> Targets() {
  return kTargets;
}

const Target& FindTarget(std::string_view name) {
  const auto found = std::ranges::find(kTargets, name, &Target::name);
  if (found == kTargets.end()) throw std::invalid_argument("no fuzz target is called " + std::string(name));
  return *found;
}

std::vector<std::string_view> SplitAt(std::string_view input, char separator) {
  std::vector<std::string_view> parts;
  for (size_t start = 0; start <= input.size();) {
    const size_t end = std::min(input.find(separator, start), input.size());
    parts.push_back(input.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

}  // namespace billsync::fuzz
