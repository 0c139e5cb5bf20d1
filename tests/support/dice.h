// Random choices that a seed repeats, on every machine alike.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace billsync::testing {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  // 0 … n - 1; n is at least 1.
  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }
  bool Chance(unsigned percent) { return Below(100) < percent; }
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }
  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }
  // "evt_" and such with letters that tell nothing about order, as Stripe's ids.
  std::string Id(const std::string& prefix) {
    static constexpr char kLetters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string id = prefix;
    for (int i = 0; i < 14; ++i) id += kLetters[Below(62)];
    return id;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace billsync::testing
