// For tests that compare long texts and play many seeds.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>

namespace billsync::testing {

// The seeds a test plays: first … last, or what BILLSYNC_SEEDS=first-last says.
inline std::pair<uint64_t, uint64_t> SeedsFrom(uint64_t first, uint64_t last) {
  const char* given = std::getenv("BILLSYNC_SEEDS");
  unsigned long long from = first, to = last;
  if (given != nullptr && std::sscanf(given, "%llu-%llu", &from, &to) != 2) ADD_FAILURE() << "BILLSYNC_SEEDS=1-99";
  return {from, to};
}

// Lines of `a` that `b` lacks.
inline std::string LinesLacking(const std::string& a, const std::string& b) {
  std::istringstream lines(a);
  std::string lacking;
  for (std::string line; std::getline(lines, line);) {
    if (("\n" + b + "\n").find("\n" + line + "\n") == std::string::npos) lacking += line + "\n";
  }
  return lacking;
}

// The texts are the same; else the lines that differ are shown and not the texts.
inline void ExpectSameLines(const std::string& truth, const std::string& found, const std::string& what) {
  EXPECT_TRUE(truth == found) << what << "\n--- the truth has\n"
                              << LinesLacking(truth, found) << "--- found instead\n"
                              << LinesLacking(found, truth);
}

}  // namespace billsync::testing
