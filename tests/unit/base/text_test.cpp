// JSON text put together by hand, numbers and ids read strictly, log lines.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <ostream>
#include <type_traits>

#include "billsync/base/json_writer.h"
#include "billsync/base/log.h"
#include "billsync/base/parse.h"
#include "billsync/base/secret.h"

namespace billsync {
namespace {

TEST(JsonQuote, EscapesWhatJsonForbidsAndNothingElse) {
  const struct {
    std::string text, quoted;
  } cases[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"say \"hi\"", R"("say \"hi\"")"},
      {R"(C:\temp)", R"("C:\\temp")"},
      {"a\nb\tc", R"("a\nb\tc")"},
      {"\r\x1b\x7f", R"("\u000d\u001b\u007f")"},
      {std::string("a\0b", 3), R"("a\u0000b")"},
      {"a/b", R"("a/b")"},
      {"Größe € 😀", "\"Größe € 😀\""},
      {"\xE2\x80\xA8", "\"\xE2\x80\xA8\""},
  };
  for (const auto& c : cases) EXPECT_EQ(JsonQuote(c.text), c.quoted);
}

TEST(JsonQuote, ReplacesBytesThatAreNotUtf8) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(JsonQuote("a\xFFz"), "\"a" + mark + "z\"");
  EXPECT_EQ(JsonQuote("\x80"), "\"" + mark + "\"");                                   // a continuation without a lead
  EXPECT_EQ(JsonQuote("\xC0\xAF"), "\"" + mark + mark + "\"");                        // overlong "/"
  EXPECT_EQ(JsonQuote("\xE0\x80\xAF"), "\"" + mark + mark + mark + "\"");             // overlong, three bytes
  EXPECT_EQ(JsonQuote("\xED\xA0\x80"), "\"" + mark + mark + mark + "\"");             // a surrogate
  EXPECT_EQ(JsonQuote("\xF4\x90\x80\x80"), "\"" + mark + mark + mark + mark + "\"");  // beyond U+10FFFF
  EXPECT_EQ(JsonQuote("\xE2\x82"), "\"" + mark + mark + "\"");                        // cut off
}

TEST(JsonObject, KeepsTheOrderAndWritesNullForNothing) {
  const std::string text = JsonObject()
                               .Add("z", "1")
                               .Add("a", int64_t{-5})
                               .Add("t", true)
                               .Add("n", std::optional<std::string>())
                               .Add("some", std::optional<int64_t>(7))
                               .AddRaw("list", JsonArray().AddRaw("1").AddRaw("[]").Text())
                               .Text();
  EXPECT_EQ(text, R"({"z":"1","a":-5,"t":true,"n":null,"some":7,"list":[1,[]]})");
  EXPECT_EQ(JsonObject().Text(), "{}");
  EXPECT_EQ(JsonArray().Text(), "[]");
}

TEST(ParseInt, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(ParseInt<int>("0"), 0);
  EXPECT_EQ(ParseInt<int>("-12"), -12);
  EXPECT_EQ(ParseInt<int>("0012"), 12);
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "1,000", "one", "1\n"}) {
    EXPECT_FALSE(ParseInt<int>(text)) << text;
  }
}

TEST(ParseInt, RefusesWhatDoesNotFitInsteadOfWrapping) {
  EXPECT_EQ(ParseInt<int64_t>("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseInt<int64_t>("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_FALSE(ParseInt<int64_t>("9223372036854775808"));
  EXPECT_FALSE(ParseInt<int64_t>("-9223372036854775809"));
  EXPECT_EQ(ParseInt<uint16_t>("65535"), 65535);
  EXPECT_FALSE(ParseInt<uint16_t>("65536"));
  EXPECT_FALSE(ParseInt<uint16_t>("-1"));
}

TEST(Trim, DropsBlanksAtBothEndsOnly) {
  EXPECT_EQ(Trim(" \t\r\n a b \n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim("x"), "x");
}

TEST(IsUuid, KnowsTheOneForm) {
  EXPECT_TRUE(IsUuid("00000000-0000-4000-8000-000000000002"));
  EXPECT_TRUE(IsUuid("ABCDEF01-2345-6789-abcd-ef0123456789"));
  for (const char* text : {"", "00000000000040008000000000000002", "{00000000-0000-4000-8000-000000000002}",
                           "00000000-0000-4000-8000-00000000000", "00000000-0000-4000-8000-0000000000020",
                           "0000000-00000-4000-8000-000000000002", "0000000g-0000-4000-8000-000000000002",
                           "00000000-0000-4000-8000_000000000002", "user_12345678901234567890123456789ab"}) {
    EXPECT_FALSE(IsUuid(text)) << text;
  }
}

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Loggable = requires(const T& value) {
  LogValue(value);
};

TEST(Secret, CannotBePrintedByAccident) {
  static_assert(!Streamable<Secret> && !Loggable<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<std::string, Secret>);
  EXPECT_TRUE(Secret().Empty());
  EXPECT_EQ(Secret("whsec_1").Reveal(), "whsec_1");
}

TEST(Log, WritesOneJsonObjectALineAndDropsWhatIsBelowItsLevel) {
  ::testing::internal::CaptureStderr();
  SetLogLevel(LogLevel::kWarning);
  Log(LogLevel::kInfo, "not shown");
  Log(LogLevel::kWarning, "shown", {{"text", "two\nlines \"quoted\""}, {"number", -3}});
  SetLogLevel(LogLevel::kInfo);
  const std::string line = ::testing::internal::GetCapturedStderr();
  const std::string rest = line.substr(line.find(",\"level\""));
  EXPECT_EQ(rest, R"(,"level":"warning","message":"shown","text":"two\nlines \"quoted\"","number":-3})"
                  "\n");
  EXPECT_TRUE(line.starts_with(R"({"time":"20)")) << line;
}

}  // namespace
}  // namespace billsync
