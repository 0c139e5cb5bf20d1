// Tables, colour and progress for people; nothing of it when the output is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "billsync/base/progress.h"

namespace billsync::cli {

// Aligned columns on standard output, a header line first. Widths count characters, not bytes.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  void Print() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// A line on standard error with count, rate and time left, shown once the work has taken two seconds and only on a
// terminal; cleared at the end.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what = "");
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  // `total` 0: unknown.
  void Update(int64_t done, int64_t total);
  // For work that says itself what it counts; the bar must outlive it.
  Progress Watch();

 private:
  std::string what_;
  std::chrono::steady_clock::time_point start_;
  int64_t done_at_first_ = -1;  // where it was when it was first told: work that was resumed has some done
  std::chrono::steady_clock::time_point last_shown_;
  const bool terminal_;
  bool shown_ = false;
};

// `text` in the colour of its meaning on a terminal, else as it is.
std::string Good(const std::string& text);
std::string Warn(const std::string& text);
std::string Bad(const std::string& text);

}  // namespace billsync::cli
