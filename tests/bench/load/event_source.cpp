#include "event_source.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <regex>
#include <stdexcept>

namespace billsync::bench {
namespace {

constexpr size_t kToldAtOnce = 100;

std::string ReadFile(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Some lifecycles are of customers whose users are known beforehand; here every subscription says whose it is.
std::string WithUser(std::string body) {
  static constexpr std::string_view kNone = "\"metadata\": {}";
  static constexpr std::string_view kUser = "\"metadata\": {\"user_id\": \"00000000-0000-4000-8000-000000000000\"}";
  if (body.find("\"type\": \"customer.subscription.") == std::string::npos) return body;
  for (size_t at = 0; (at = body.find(kNone, at)) != std::string::npos; at += kUser.size()) {
    body.replace(at, kNone.size(), kUser);
  }
  return body;
}

}  // namespace

std::string UserId(uint64_t number) {
  std::array<char, 40> text{};
  const int length = std::snprintf(text.data(), text.size(), "bbbbbbbb-0000-4000-8000-%012llu",
                                   static_cast<unsigned long long>(number));
  return {text.data(), static_cast<size_t>(length)};
}

Lives::Lives(const std::vector<std::string>& directories, const std::string& run, uint64_t first_user, uint64_t seed)
    : run_(run), random_(seed), begun_(first_user - 1) {
  for (const auto& directory : directories) {
    const std::filesystem::path path(directory);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
    std::ranges::sort(files);
    if (files.empty()) throw std::runtime_error(directory + " has no events");
    // fixtures/lifecycles/I05a-upgrade-invoiced-at-once/endive: its ids begin with sub_i05a and the like.
    std::string tag = path.parent_path().filename().string();
    tag = tag.substr(0, tag.find('-'));
    std::ranges::transform(tag, tag.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    lifecycles_.emplace_back();
    for (const auto& file : files) lifecycles_.back().push_back(Cut(WithUser(ReadFile(file)), tag));
  }
  for (size_t i = 0; i < kToldAtOnce; ++i) told_.push_back(Begin());
}

Lives::Template Lives::Cut(const std::string& body, const std::string& tag) {
  const std::regex places("_" + tag + "(?![a-z0-9])|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}");
  Template cut;
  auto from = body.begin();
  for (std::sregex_iterator it(body.begin(), body.end(), places), end; it != end; ++it) {
    const bool name = (*it)[0].str().starts_with('_');
    const auto until = name ? (*it)[0].second : (*it)[0].first;
    cut.pieces.emplace_back(from, until);
    cut.slots.push_back(name ? Slot::kName : Slot::kUser);
    from = (*it)[0].second;
  }
  cut.pieces.emplace_back(from, body.end());
  return cut;
}

Lives::Life Lives::Begin() {
  return {.events = &lifecycles_[random_() % lifecycles_.size()], .next = 0, .number = ++begun_};
}

std::optional<std::string> Lives::Next() {
  Life& life = told_[random_() % told_.size()];
  const Template& event = (*life.events)[life.next];
  const std::string name = run_ + "x" + std::to_string(life.number);
  const std::string user = UserId(life.number);
  std::string body;
  body.reserve(8192);
  for (size_t i = 0; i < event.slots.size(); ++i)
    body += event.pieces[i] + (event.slots[i] == Slot::kName ? name : user);
  body += event.pieces.back();
  if (++life.next == life.events->size()) life = Begin();
  return body;
}

Lines::Lines(const std::string& file) : in_(file) {
  if (!in_) throw std::runtime_error("cannot read " + file);
}

std::optional<std::string> Lines::Next() {
  std::string line;
  if (!std::getline(in_, line)) return std::nullopt;
  return line;
}

}  // namespace billsync::bench
