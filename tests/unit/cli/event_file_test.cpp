#include "cli/event_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace billsync::cli {
namespace {

using Events = std::vector<std::string>;

TEST(EventFile, HoldsOneEventAsItStandsThere) {
  for (const char* text : {"{}", " \n{\"a\": 1}\n", "{\n \"a\": [1, 2],\n \"b\": \"]\"\n}\n", "\"text\"", "7"}) {
    EXPECT_EQ(SplitEvents(text), Events{text});
  }
}

TEST(EventFile, HoldsAnArrayWhoseElementsKeepTheirBytes) {
  EXPECT_EQ(SplitEvents("[]"), Events{});
  EXPECT_EQ(SplitEvents(" [ \n ] \n"), Events{});
  EXPECT_EQ(SplitEvents("[{}]"), Events{"{}"});
  EXPECT_EQ(SplitEvents("\n[ {\"b\" : 1.50,\t\"a\":\"\\u0041\"} ,\r\n{ \"c\":[1,[2,{}]] } ]\n"),
            (Events{"{\"b\" : 1.50,\t\"a\":\"\\u0041\"}", "{ \"c\":[1,[2,{}]] }"}));
}

TEST(EventFile, IsNotMisledByWhatStandsInStrings) {
  EXPECT_EQ(SplitEvents(R"([{"a":"],[\"}{\\"},{"b":"\\\",["}])"),
            (Events{R"({"a":"],[\"}{\\"})", R"({"b":"\\\",["})"}));
}

TEST(EventFile, HoldsOneEventALine) {
  EXPECT_EQ(SplitEvents("{\"a\":1}\n\n  {\"b\":2}\t\r\n{\"c\":3}"), (Events{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"}));
  // A line that is broken is left to whoever reads it.
  EXPECT_EQ(SplitEvents("{\"a\":1}\n{\"b\":"), (Events{"{\"a\":1}", "{\"b\":"}));
}

TEST(EventFile, StaysWholeWhenItIsNothingOfThis) {
  for (const char* text :
       {"", "hello\n{}", "{\n \"a\": 1,\n", "[{}", "[{}]]", "[{}] {}", "[{}}]", "[\"]", "[\"\\", "["}) {
    EXPECT_EQ(SplitEvents(text), Events{text}) << text;
  }
}

// Every element is looked at by whoever reads it: an empty one is no event.
TEST(EventFile, KeepsEmptyElementsOfAnArray) {
  EXPECT_EQ(SplitEvents("[{},,{}]"), (Events{"{}", "", "{}"}));
  EXPECT_EQ(SplitEvents("[{},]"), (Events{"{}", ""}));
}

TEST(EventFile, IsReadLineByLineOrWholeToTheSameEvents) {
  const std::string path = ::testing::TempDir() + "event_file_test";
  for (const char* text : {"{\"a\":1}\n\n {\"b\":2} \n", "\n{\"a\":1}\n{\"b\":2}", "[{\"a\":1},{\"b\":2}]"}) {
    std::ofstream(path) << text;
    Events events;
    ForEachEvent(path, [&](std::string event) { events.push_back(std::move(event)); });
    EXPECT_EQ(events, (Events{"{\"a\":1}", "{\"b\":2}"})) << text;
  }
  const std::string one = " \n{\"a\": 1}\n";
  std::ofstream(path) << one;
  ForEachEvent(path, [&](const std::string& event) { EXPECT_EQ(event, one); });
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace billsync::cli
