// What is decided from the head alone, and that the parser reads what was sent.
#include "head.h"

#include <gtest/gtest.h>

#include "head_scanner.h"
#include "request_parser.h"
#include "target.h"

namespace billsync::http {
namespace {

std::optional<Request> Parsed(const std::string& head) {
  const auto checked = CheckHead(head, Limits{});
  if (!checked) return std::nullopt;
  return RequestParser().Parse(checked->for_parser);
}

TEST(HeadScanner, FindsTheEndHoweverTheBytesArrive) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  HeadScanner scanner;
  for (size_t size = 1; size < head.size(); ++size) {
    ASSERT_EQ(scanner.Scan(head.substr(0, size)), ScanStatus::kMore) << size;
  }
  EXPECT_EQ(scanner.Scan(head + "rest"), ScanStatus::kComplete);
  EXPECT_EQ(scanner.head_bytes(), head.size());
  EXPECT_EQ(scanner.request_line_bytes(), 16U);
}

TEST(HeadScanner, RefusesLineEndsThatTwoReadersSeeDifferently) {
  using std::string_literals::operator""s;
  for (const std::string& head : {"GET / HTTP/1.1\nHost: a"s, "GET / HTTP/1.1\rHost"s, "GET /\0 HTTP"s,
                                  "GET / HTTP/1.1\r\nHost: a\n"s, "\x16\x03\x01"s, "GET / HTTP/1.1\r\r\n"s, "\n"s}) {
    EXPECT_EQ(HeadScanner().Scan(head), ScanStatus::kMalformed) << head;
  }
}

TEST(Target, KeepsEverythingTheParserWouldLose) {
  const auto request = Parsed("GET /a%20b?after=YQ==&q=a?b%3F+c&x=1=2&flag&e= HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path, "/a b");
  EXPECT_EQ(request->FindQuery("after"), "YQ==");
  EXPECT_EQ(request->FindQuery("q"), "a?b? c");
  EXPECT_EQ(request->FindQuery("x"), "1=2");
  EXPECT_EQ(request->FindQuery("flag"), "");
  EXPECT_EQ(request->FindQuery("e"), "");
  EXPECT_EQ(request->FindQuery("none"), std::nullopt);
}

TEST(Target, KeepsRepeatedParametersInOrder) {
  const auto request = Parsed("GET /?status=parked&status=dead HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->AllQuery("status"), (std::vector<std::string_view>{"parked", "dead"}));
}

TEST(Target, RefusesWhatHasTwoMeanings) {
  for (const char* target : {"",           "a",          "*",       "http://h/",  "/a b",          "/a#b",
                             "/a\xC3\xA9", "/%",         "/%4",     "/%zz",       "/a%2Fb",        "/a%2fb",
                             "/%00",       "/%0d%0a",    "/%C0%AF", "/%ED%A0%80", "/%F5%80%80%80", "/?x=%00",
                             "/?x=%C3",    "/?x=%u0041", "/%7F"}) {
    EXPECT_FALSE(CheckTarget(target)) << target;
  }
  EXPECT_TRUE(CheckTarget("/%C3%A9?x=%E2%82%AC%F0%9F%98%80"));
}

TEST(Head, HandsHeaderValuesOverAsTheyWereSent) {
  const auto request =
      Parsed("GET / HTTP/1.1\r\nHost: h\r\nX-Raw:\t%41%2541 \t\r\nLocation: %41\r\nx-list: 1\r\nX-List: 2\r\n\r\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->FindHeader("x-raw"), "%41%2541");
  EXPECT_EQ(request->FindHeader("LOCATION"), "%41");
  EXPECT_EQ(request->AllHeaders("X-LIST"), (std::vector<std::string_view>{"1", "2"}));
}

TEST(Head, KeepsFromTheParserWhatItWouldActOn) {
  const auto checked = CheckHead(
      "GET / HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\nif-range: x\r\nExpect: 100-continue\r\nREMOTE_ADDR: 1.2.3.4\r\n"
      "remote_port: 1\r\nLocal_Addr: x\r\nLOCAL_PORT: 2\r\n\r\n",
      Limits{});
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->for_parser, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto request = RequestParser().Parse(checked->for_parser);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->headers, (NameValues{{"Host", "h"}})) << "the parser adds REMOTE_ADDR and its kin by itself";
}

TEST(Head, GivesTheParserMethodsItDoesNotKnow) {
  const auto checked = CheckHead("PROPFIND /x HTTP/1.1\r\nHost: h\r\n\r\n", Limits{});
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->method, "PROPFIND");
  EXPECT_TRUE(RequestParser().Parse(checked->for_parser));
}

TEST(Head, ClosesAsTheClientAsks) {
  const auto keep_alive = [](const std::string& version, const std::string& header) {
    return CheckHead("GET / " + version + "\r\nHost: h\r\n" + header + "\r\n", Limits{})->keep_alive;
  };
  EXPECT_TRUE(keep_alive("HTTP/1.1", ""));
  EXPECT_TRUE(keep_alive("HTTP/1.1", "Connection: keep-alive, closed\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.1", "Connection: TE, Close\r\n"));
  EXPECT_FALSE(keep_alive("HTTP/1.0", ""));
}

TEST(Head, TakesTheLongestLinesTheParserTakes) {
  Limits limits;
  const std::string longest_target = "/" + std::string(8000, 'a');
  const auto checked =
      CheckHead("GET " + longest_target + " HTTP/1.1\r\nHost: h\r\nX: " + std::string(8000, 'b') + "\r\n\r\n", limits);
  ASSERT_TRUE(checked);
  EXPECT_TRUE(RequestParser().Parse(checked->for_parser));
  const auto longer = CheckHead("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(8192, 'b') + "\r\n\r\n", limits);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error(), ProblemCode::kHeadersTooLarge);
  // Each "%" grows to three bytes on the way to the parser.
  const auto grown = CheckHead("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(3000, '%') + "\r\n\r\n", limits);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error(), ProblemCode::kHeadersTooLarge);
}

struct RefusalRow {
  const char* head;
  ProblemCode code;
};

TEST(Head, RefusesWithTheCodeOfTheFirstFault) {
  using enum ProblemCode;
  static constexpr RefusalRow kRows[] = {
      {"GET / HTTP/2.0\r\nHost: h\r\n", kVersionNotSupported},
      {"GET / HTTP/0.9\r\nHost: h\r\n", kVersionNotSupported},
      {"GET / HTTP/1\r\nHost: h\r\n", kMalformedRequest},
      {"GET / http/1.1\r\nHost: h\r\n", kMalformedRequest},
      {"GET /\r\nHost: h\r\n", kMalformedRequest},
      {"GET  / HTTP/1.1\r\nHost: h\r\n", kMalformedRequest},
      {"G@T / HTTP/1.1\r\nHost: h\r\n", kMalformedRequest},
      {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n", kMalformedRequest},
      {"GET / HTTP/1.1\r\nHost : h\r\n", kMalformedRequest},
      {"GET / HTTP/1.1\r\nHost\r\n", kMalformedRequest},
      {"GET / HTTP/1.1\r\n: h\r\n", kMalformedRequest},
      {"GET / HTTP/1.1\r\n", kMissingHost},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", kMissingHost},
      {"POST / HTTP/1.1\r\nHost: h\r\n", kLengthRequired},
      {"PATCH / HTTP/1.1\r\nHost: h\r\n", kLengthRequired},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n", kLengthRequired},
      {"GET / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: identity\r\n", kLengthRequired},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", kAmbiguousLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3 3\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n", kBadContentLength},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n", kPayloadTooLarge},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n", kPayloadTooLarge},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n", kEncodedBody},
  };
  for (const auto& row : kRows) {
    const auto checked = CheckHead(std::string(row.head) + "\r\n", Limits{});
    ASSERT_FALSE(checked) << row.head;
    EXPECT_EQ(checked.error(), row.code) << row.head;
  }
  EXPECT_TRUE(CheckHead("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Encoding: Identity\r\n\r\n", {}));
  EXPECT_TRUE(CheckHead("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n", {}));
}

}  // namespace
}  // namespace billsync::http
