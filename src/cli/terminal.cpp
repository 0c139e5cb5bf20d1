#include "terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace billsync::cli {
namespace {

bool Coloured() {
  static const bool coloured = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return coloured;
}

std::string Paint(const char* code, const std::string& text) {
  return Coloured() ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
}

// Characters a terminal shows: UTF-8 continuation bytes and colour sequences take no room.
size_t Width(const std::string& text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++width;
    }
  }
  return width;
}

}  // namespace

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(header_.size());
  // A control character from outside must not reach the terminal.
  for (auto& cell : cells) {
    std::ranges::replace_if(
        cell, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\033'; }, ' ');
  }
  rows_.push_back(std::move(cells));
}

void Table::Print() const {
  std::vector<size_t> widths(header_.size());
  for (size_t i = 0; i < header_.size(); ++i) {
    widths[i] = Width(header_[i]);
    for (const auto& row : rows_) widths[i] = std::max(widths[i], Width(row[i]));
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 < cells.size()) text += std::string(widths[i] - Width(cells[i]) + 2, ' ');
    }
    std::cout << text << "\n";
  };
  std::vector<std::string> titles;
  for (const auto& title : header_) titles.push_back(Paint("1", title));
  line(titles);
  for (const auto& row : rows_) line(row);
}

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)),
      start_(std::chrono::steady_clock::now()),
      last_shown_(start_),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
}

void ProgressBar::Update(int64_t done, int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (done_at_first_ < 0) done_at_first_ = total > 0 ? done : 0;
  if (!terminal_ || now - start_ < std::chrono::seconds(2) || now - last_shown_ < std::chrono::milliseconds(200))
    return;
  last_shown_ = now;
  shown_ = true;
  const auto elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - start_).count();
  const int64_t moved = done - done_at_first_;
  const int64_t rate = moved * 1000 / elapsed_ms;
  std::cerr << "\r\033[K" << what_ << ": " << done;
  if (total > 0) std::cerr << " of " << total << " (" << done * 100 / total << " %)";
  std::cerr << ", " << rate << "/s";
  if (total > done && moved > 0) std::cerr << ", " << (total - done) * elapsed_ms / moved / 1000 << " s left";
  std::cerr << std::flush;
}

Progress ProgressBar::Watch() {
  return [this](std::string_view what, int64_t done, int64_t total) {
    if (what != what_) {
      what_ = what;
      start_ = std::chrono::steady_clock::now();
      done_at_first_ = -1;
    }
    Update(done, total);
  };
}

std::string Good(const std::string& text) {
  return Paint("32", text);
}

std::string Warn(const std::string& text) {
  return Paint("33", text);
}

std::string Bad(const std::string& text) {
  return Paint("31", text);
}

}  // namespace billsync::cli
