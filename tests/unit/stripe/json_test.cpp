#include "billsync/stripe/json.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

using namespace std::string_literals;

struct Refused {
  const char* name;
  std::string text;
  JsonFault fault;
};

TEST(Json, RefusesWhatIsNotStrictJson) {
  const std::vector<Refused> rows{
      {"empty", "", JsonFault::kNotJson},
      {"blank", "  \n", JsonFault::kNotJson},
      {"trailing text", "{} x", JsonFault::kNotJson},
      {"two values", "{}{}", JsonFault::kNotJson},
      {"byte order mark", "\xEF\xBB\xBF{}", JsonFault::kNotJson},
      {"comment", "{/*x*/}", JsonFault::kNotJson},
      {"trailing comma", "[1,]", JsonFault::kNotJson},
      {"NaN", "[NaN]", JsonFault::kNotJson},
      {"number beyond double", "[1e999]", JsonFault::kNotJson},
      {"leading zero", "[01]", JsonFault::kNotJson},
      {"raw NUL", "{}\0"s, JsonFault::kNul},
      {"raw NUL in text", "[\"a\0b\"]"s, JsonFault::kNul},
      {"escaped NUL", R"(["a\u0000b"])", JsonFault::kNul},
      {"escaped NUL in a name", R"({"a\u0000":1})", JsonFault::kNul},
      {"bytes FF FE", "[\"\xFF\xFE\"]", JsonFault::kBadUtf8},
      {"overlong", "[\"\xC0\xAF\"]", JsonFault::kBadUtf8},
      {"raw surrogate", "[\"\xED\xA0\x80\"]", JsonFault::kBadUtf8},
      {"lone high surrogate", R"(["\ud800x"])", JsonFault::kBadUtf8},
      {"lone low surrogate", R"(["\udc00"])", JsonFault::kBadUtf8},
  };
  for (const auto& row : rows) {
    const auto document = JsonDocument::Parse(row.text);
    ASSERT_FALSE(document) << row.name;
    EXPECT_EQ(document.error(), row.fault) << row.name;
  }
}

// The parser looks at sixteen bytes at a time and our own check at eight; both are met at every place of a block.
TEST(Json, RefusesControlCharactersWhereverTheyAre) {
  for (char control = 1; control < 0x20; ++control) {
    for (size_t at = 0; at <= 40; ++at) {
      std::string text(40, 'x');
      text.insert(at, 1, control);
      EXPECT_EQ(JsonDocument::Parse("[\"" + text + "\"]").error(), JsonFault::kNotJson) << int{control} << " at " << at;
      EXPECT_EQ(JsonDocument::Parse("{\"" + text + "\":1}").error(), JsonFault::kNotJson)
          << int{control} << " at " << at;
      EXPECT_FALSE(JsonDocument::Parse("[\"\xC3\xA9" + text + "\"]")) << int{control} << " at " << at;
    }
  }
  EXPECT_TRUE(JsonDocument::Parse("\t[\r\n\"\x7F \"\n]\n"));
}

TEST(Json, AcceptsSixtyFourLevelsAndNotOneMore) {
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(JsonDocument::Parse(nested(64)));
  EXPECT_EQ(JsonDocument::Parse(nested(65)).error(), JsonFault::kTooDeep);
  EXPECT_EQ(JsonDocument::Parse(std::string(1'000'000, '[')).error(), JsonFault::kTooDeep);
  EXPECT_EQ(JsonDocument::Parse(R"({"a":)" + nested(64) + "}").error(), JsonFault::kTooDeep);
}

TEST(Json, CountsDepthNotSiblings) {
  std::string wide = "[";
  for (int i = 0; i < 200; ++i) wide += "[{}],";
  EXPECT_TRUE(JsonDocument::Parse(wide + "1]"));
}

TEST(Json, ReadsWholeNumbersOnlyAsWhatTheyAre) {
  const auto document = Parsed(R"([9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e2,"1",true])");
  const auto values = document.Root().Elements();
  EXPECT_EQ(values[0].Int64(), INT64_MAX);
  EXPECT_EQ(values[1].Int64(), INT64_MIN);
  for (size_t i = 2; i < values.size(); ++i) EXPECT_FALSE(values[i].Int64()) << i;
}

TEST(Json, LooksUpThroughWhatIsNotThere) {
  const auto document = Parsed(R"({"a":{"b":"x"},"n":null,"f":false})");
  const JsonValue root = document.Root();
  EXPECT_EQ(root.Find("a").Find("b").Text(), "x");
  EXPECT_TRUE(root.Find("a").Find("c").Find("d").IsMissing());
  EXPECT_TRUE(root.Find("n").IsNull());
  EXPECT_FALSE(root.Find("n").IsMissing());
  EXPECT_FALSE(root.Find("a").Text());
  EXPECT_EQ(root.Find("f").Bool(), false);
  EXPECT_TRUE(root.Find("f").Members().empty());
  EXPECT_TRUE(JsonValue().IsNull());
}

TEST(Json, TakesTheFirstOfDuplicateNames) {
  EXPECT_EQ(Parsed(R"({"a":1,"a":2})").Root().Find("a").Int64(), 1);
}

TEST(Json, ComparesByStructure) {
  EXPECT_TRUE(Parsed(R"({"a":1,"b":[1,2]})").Root() == Parsed(R"({"b":[1,2],"a":1})").Root());
  EXPECT_FALSE(Parsed("[1,2]").Root() == Parsed("[2,1]").Root());
  EXPECT_FALSE(Parsed(R"({"a":null})").Root() == Parsed("{}").Root());
  EXPECT_TRUE(JsonValue() == JsonValue());
  EXPECT_FALSE(JsonValue() == Parsed("null").Root());
}

TEST(Json, OverlayMergesObjectsAndReplacesTheRest) {
  const auto base = Parsed(R"({"a":{"x":1,"y":2},"list":[1,2],"s":"t"})");
  const auto patch = Parsed(R"({"a":{"y":null,"z":3},"list":[9],"new":{"k":"v"}})");
  const auto expected = Parsed(R"({"a":{"x":1,"y":null,"z":3},"list":[9],"s":"t","new":{"k":"v"}})");
  EXPECT_TRUE(JsonDocument::Overlay(base.Root(), patch.Root()).Root() == expected.Root());
}

TEST(Json, ViewsOutliveAMoveOfTheirDocument) {
  auto document = Parsed(R"({"a":"a text that is too long to be kept inside of the value itself"})");
  const JsonValue view = document.Root().Find("a");
  const JsonDocument moved = std::move(document);
  EXPECT_EQ(view.Text(), moved.Root().Find("a").Text());
}

}  // namespace
}  // namespace billsync::stripe
