#include "response_writer.h"

#include <gtest/gtest.h>

#include <set>

namespace billsync::http {
namespace {

using std::chrono::seconds;

TEST(ResponseWriter, WritesTheHeadersItOwnsItself) {
  Response response{.status = 200, .content_type = "text/plain", .body = "hi"};
  response.headers = {{"X-A", "1"}, {"content-length", "99"}, {"Connection", "upgrade"}, {"X-A", "2"}};
  EXPECT_EQ(
      WriteResponse(response, {}, "D"),
      "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(WriteResponse({.body = "hi"}, {.head_only = true, .close = true}, "D"),
            "HTTP/1.1 200 OK\r\nDate: D\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
}

TEST(ResponseWriter, GivesNoBodyToAStatusThatHasNone) {
  EXPECT_EQ(WriteResponse({.status = 204, .body = "x"}, {}, "D"), "HTTP/1.1 204 No Content\r\nDate: D\r\n\r\n");
}

TEST(ResponseWriter, RefusesHeadersThatWouldSplitTheAnswer) {
  EXPECT_FALSE(IsSendable({.headers = {{"X", "a\r\nSet-Cookie: b"}}}));
  EXPECT_FALSE(IsSendable({.headers = {{"X Y", "a"}}}));
  EXPECT_FALSE(IsSendable({.headers = {{"", "a"}}}));
  EXPECT_FALSE(IsSendable({.content_type = "a\nb"}));
  EXPECT_FALSE(IsSendable({.status = 100}));
  EXPECT_FALSE(IsSendable({.status = 1000}));
  EXPECT_TRUE(IsSendable({.status = 599, .headers = {{"X", "a\tb \xC3\xA9"}}}));
}

TEST(ResponseWriter, FormatsTheDateOfRfc9110) {
  EXPECT_EQ(FormatHttpDate(Instant{seconds{784111777}}), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(ResponseWriter, WritesChunksInHexadecimal) {
  EXPECT_EQ(WriteChunk(std::string(26, 'x')), "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(Problem, QuotesItsTexts) {
  const Response response = Problem(409, "period_closed", "It says \"no\".");
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body, R"({"type":"about:blank","title":"Conflict","status":409,"code":"period_closed",)"
                           R"("detail":"It says \"no\"."})");
}

TEST(Problem, ListsEveryCodeOnceAndInOrder) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kProblemCodes; ++i) {
    const ProblemInfo& info = AllProblems().at(i);
    EXPECT_EQ(static_cast<size_t>(info.code), i) << info.name;
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_NE(ReasonPhrase(info.status), "Unknown") << info.status;
  }
}

}  // namespace
}  // namespace billsync::http
