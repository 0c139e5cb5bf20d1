// Every fuzz target on every input worth keeping.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "fuzz/target.h"
#include "support/postgres.h"

namespace billsync::fuzz {
namespace {

namespace fs = std::filesystem;

struct Input {
  std::string name, text;
};

// The files below a folder of the repository whose names end so, in order.
std::vector<Input> FilesBelow(const std::string& folder, const std::string& ending = "") {
  std::set<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(BILLSYNC_SOURCE_DIR) / folder)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) {
      paths.insert(fs::relative(entry.path(), BILLSYNC_SOURCE_DIR).string());
    }
  }
  std::vector<Input> inputs;
  for (const auto& path : paths) inputs.push_back({path, testing::ReadSource(path)});
  return inputs;
}

std::vector<Input> Corpus(const Target& target) {
  return FilesBelow("tests/fuzz/corpus/" + std::string(target.name));
}

void MustSurvive(const Target& target, const Input& input) {
  EXPECT_NO_THROW(target.run(input.text)) << target.name << " on " << input.name;
}

TEST(FuzzReplay, EveryTargetSurvivesItsCorpus) {
  for (const Target& target : Targets().subspan(1)) {
    const auto corpus = Corpus(target);
    EXPECT_FALSE(corpus.empty()) << target.name << " has no seeds";
    for (const auto& input : corpus) MustSurvive(target, input);
  }
}

TEST(FuzzReplay, EveryTargetSurvivesCutAndSpoiledSeeds) {
  for (const Target& target : Targets().subspan(1)) {
    for (const auto& [name, text] : Corpus(target)) {
      for (size_t cut = 0; cut < text.size(); cut += 1 + text.size() / 40) {
        MustSurvive(target, {name + " cut", text.substr(0, cut)});
        std::string spoiled = text;
        spoiled[cut] = static_cast<char>(spoiled[cut] ^ 0x15);
        MustSurvive(target, {name + " spoiled", spoiled});
      }
    }
  }
}

TEST(FuzzReplay, TheFixturesAreSeedsToo) {
  std::map<std::string, std::string> sequences;  // the events of a folder, as one input of "merge"
  for (const auto& input : FilesBelow("fixtures/events", ".json")) {
    if (input.name.find("expected") != std::string::npos) continue;
    MustSurvive(FindTarget("body"), input);
    MustSurvive(FindTarget("decode"), input);
    sequences[fs::path(input.name).parent_path().string()] += "\x1e" + input.text;
  }
  EXPECT_GT(sequences.size(), 5U);
  for (const auto& [folder, sequence] : sequences) MustSurvive(FindTarget("merge"), {folder, sequence});
}

TEST(FuzzReplay, TheCanaryDies) {
  const Target& canary = Targets().front();
  ASSERT_EQ(canary.name, "canary");
  EXPECT_NO_THROW(canary.run("LEN\x02good"));
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(canary.run("LEN\x09"
                          "bad"),
               "");
}

TEST(FuzzReplay, ABrokenLawIsSeen) {
  EXPECT_THROW(Must(false, "a law"), std::logic_error);
  EXPECT_THROW(FindTarget("nobody"), std::invalid_argument);
}

}  // namespace
}  // namespace billsync::fuzz
