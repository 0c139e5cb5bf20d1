// What the front refuses before a handler could see it.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "http/raw_client.h"

namespace billsync::http {
namespace {

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

class FrontLimits : public testing::Test {
 protected:
  Router MakeRouter() {
    Router router;
    router.Add("GET", "/hello", Says("hello"));
    router.Add("POST", "/echo", [this](const Request& request, Responder responder) {
      ++executed_;
      responder.Send({.body = request.body});
    });
    return router;
  }

  std::atomic<int> executed_{0};
};

TEST_F(FrontLimits, RefusesAChunkedBodyOverTheLimit) {
  Limits limits;
  limits.max_body_bytes = 1024;
  RunningServer server(MakeRouter(), limits);
  RawClient client(server.port());
  client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" +
              std::string(1U << 20U, 'x') + "\r\n0\r\n\r\n");
  const HttpAnswer answer = client.Read();
  EXPECT_EQ(answer.status, 411);
  EXPECT_EQ(answer.Code(), "length_required");
  EXPECT_TRUE(answer.Closes());
  server.Stop();
  EXPECT_EQ(executed_, 0);
}

TEST_F(FrontLimits, RefusesAnEncodedBody) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  const HttpAnswer answer = client.Exchange(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x01");
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.Code(), "encoded_body");
  server.Stop();
  EXPECT_EQ(executed_, 0);
}

TEST_F(FrontLimits, RefusesALongBodyBeforeItIsSent) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  const HttpAnswer answer = client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.Code(), "payload_too_large");
  EXPECT_TRUE(answer.Closes());
}

TEST_F(FrontLimits, LetsAClientThatSendsTooMuchReadTheAnswer) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n" + std::string(8000000, 'x'));
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_TRUE(client.EndsWithoutMore());
}

TEST_F(FrontLimits, TakesABodyOfExactlyTheLimit) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  const std::string body(1U << 20U, 'x');
  const HttpAnswer answer = client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n" + body);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, body);
}

TEST_F(FrontLimits, RefusesAFloodOfHeaderBytesBeforeTheyEnd) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  const HttpAnswer answer = client.Exchange("GET /hello HTTP/1.1\r\nHost: h\r\nX: " + std::string(20000, 'x'));
  EXPECT_EQ(answer.status, 431);
  EXPECT_EQ(answer.Code(), "headers_too_large");
}

TEST_F(FrontLimits, RefusesTwentyThousandHeaders) {
  Limits limits;
  limits.max_header_bytes = size_t{1} << 20U;
  RunningServer server(MakeRouter(), limits);
  std::string head = "GET /hello HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 20000; ++i) head += "X: 1\r\n";
  EXPECT_EQ(RawClient(server.port()).Exchange(head + "\r\n").status, 431);
}

TEST_F(FrontLimits, TakesOneHundredHeadersAndNotOneMore) {
  RunningServer server(MakeRouter());
  std::string head = "GET /hello HTTP/1.1\r\nHost: h\r\n";
  for (int i = 1; i < 100; ++i) head += "X: 1\r\n";
  EXPECT_EQ(RawClient(server.port()).Exchange(head + "\r\n").status, 200);
  EXPECT_EQ(RawClient(server.port()).Exchange(head + "X: 1\r\n\r\n").status, 431);
}

TEST_F(FrontLimits, RefusesALongTargetBeforeItEnds) {
  RunningServer server(MakeRouter());
  const HttpAnswer unfinished = RawClient(server.port()).Exchange("GET /" + std::string(9000, 'a'));
  EXPECT_EQ(unfinished.status, 414);
  EXPECT_EQ(unfinished.Code(), "target_too_long");
  EXPECT_EQ(RawClient(server.port()).Exchange("GET /" + std::string(8192, 'a') + " HTTP/1.1\r\n\r\n").status, 414);
}

TEST_F(FrontLimits, AnswersOverloadedAboveTheConnectionCap) {
  Limits limits;
  limits.max_connections = 2;
  RunningServer server(MakeRouter(), limits);
  RawClient first(server.port());
  auto second = std::make_unique<RawClient>(server.port());
  EXPECT_EQ(first.Exchange(kGet).status, 200);
  EXPECT_EQ(second->Exchange(kGet).status, 200);
  {
    RawClient third(server.port());
    const HttpAnswer answer = third.Exchange(kGet);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.Code(), "overloaded");
    EXPECT_EQ(answer.Header("retry-after"), "1");
    EXPECT_TRUE(answer.Closes());
  }
  EXPECT_EQ(server.server().Stats().connections_refused, 1U);
  second.reset();
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().connections_open == 1; }));
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200) << "a place that became free is used again";
}

TEST_F(FrontLimits, AnswersOverloadedAboveThePeersCap) {
  Limits limits;
  limits.max_connections_per_peer = 1;
  RunningServer server(MakeRouter(), limits);
  auto first = std::make_unique<RawClient>(server.port());
  EXPECT_EQ(first->Exchange(kGet).status, 200);
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 503);
  first.reset();
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().connections_open == 0; }));
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200);
}

TEST_F(FrontLimits, AnswersOverloadedWhenTooManyRequestsArePending) {
  std::promise<Responder> held;
  Router router = MakeRouter();
  router.Add("GET", "/hold", [&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  Limits limits;
  limits.max_pending_requests = 1;
  RunningServer server(std::move(router), limits);
  RawClient holder(server.port());
  holder.Send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  Responder responder = held.get_future().get();

  RawClient other(server.port());
  const HttpAnswer refused = other.Exchange(kGet);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("retry-after"), "1");
  EXPECT_FALSE(refused.Closes()) << "the whole request was read, so the connection is in step";
  responder.Send({.status = 202});
  EXPECT_EQ(holder.Read().status, 202);
  EXPECT_EQ(other.Exchange(kGet).status, 200);
}

TEST_F(FrontLimits, RefusesLargeBodiesWhenTheInputOfAllIsTooLarge) {
  Limits limits;
  limits.max_buffered_bytes = 200000;
  RunningServer server(MakeRouter(), limits);
  RawClient first(server.port());
  first.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 190000\r\n\r\n" + std::string(180000, 'x'));
  RawClient second(server.port());
  second.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 190000\r\n\r\n" + std::string(180000, 'x'));
  // Whichever of the two crosses the line is refused; small requests are not.
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().problems["overloaded"] == 1; }));
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200);
}

TEST_F(FrontLimits, SurvivesMalformedRequests) {
  using std::string_literals::operator""s;
  const std::vector<std::string> malformed = {
      "\r\n\r\n\r\n"s,
      "\0\0\0\0"s,
      "\x16\x03\x01\x02\x00\x01\x00"s,
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s,
      "GET\r\n\r\n"s,
      "GET /hello\r\n\r\n"s,
      "GET /hello HTTP/1.1\n\n"s,
      "GET /hello HTTP/1.1\r\n\n"s,
      "GET /hello HTTP/1.1\r\r\n\r\n"s,
      " GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET  /hello HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello  HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello HTTP/1.1 \r\nHost: h\r\n\r\n"s,
      "GET\t/hello\tHTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET hello HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET * HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET http://h/hello HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello#x HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello%0 HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello%00 HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello%u0041 HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hel\0lo HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello HTTP/3.0\r\nHost: h\r\n\r\n"s,
      "GET /hello HTTP/1.1x\r\nHost: h\r\n\r\n"s,
      "GET /hello HTTQ/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello HTTP/01.1\r\nHost: h\r\n\r\n"s,
      "G\xC3\xA9T /hello HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\n\tfolded: x\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\n: empty name\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nX Y: blank\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost : h\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\x08z\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"s,
      "GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"s,
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"s,
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"s,
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1e1\r\n\r\n0123456789"s,
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\nx"s,
      std::string(100000, 'A'),
      std::string(100000, '\n'),
  };
  RunningServer server(MakeRouter());
  for (const std::string& bytes : malformed) {
    RawClient client(server.port());
    client.Send(bytes);
    const HttpAnswer answer = client.Read();
    EXPECT_GE(answer.status, 400) << bytes.substr(0, 80);
    EXPECT_FALSE(answer.Code().empty()) << bytes.substr(0, 80);
    EXPECT_TRUE(answer.Closes()) << bytes.substr(0, 80);
  }
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200);
  server.Stop();
  EXPECT_EQ(executed_, 0);
}

TEST_F(FrontLimits, CanProduceEveryProblemCode) {
  Router router = MakeRouter();
  router.Add("GET", "/throw", [](const Request&, const Responder&) { throw std::runtime_error("x"); });
  Limits limits;
  limits.request_deadline = std::chrono::milliseconds{200};
  RunningServer server(std::move(router), limits);
  Limits none = limits;
  none.max_pending_requests = 0;
  RunningServer overloaded(MakeRouter(), none);

  const std::string host = " HTTP/1.1\r\nHost: h\r\n";
  const std::map<std::string, std::string> requests = {
      {"malformed_request", "GET\r\n\r\n"},
      {"bad_content_length", "POST /echo" + host + "Content-Length: -1\r\n\r\n"},
      {"ambiguous_length", "POST /echo" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"missing_host", "GET /hello HTTP/1.1\r\n\r\n"},
      {"not_found", "GET /nowhere" + host + "\r\n"},
      {"method_not_allowed", "DELETE /hello" + host + "\r\n"},
      {"request_timeout", "GET /hel"},
      {"length_required", "POST /echo" + host + "\r\n"},
      {"payload_too_large", "POST /echo" + host + "Content-Length: 1048577\r\n\r\n"},
      {"target_too_long", "GET /" + std::string(9000, 'a') + host + "\r\n"},
      {"encoded_body", "POST /echo" + host + "Content-Length: 1\r\nContent-Encoding: br\r\n\r\n"},
      {"headers_too_large", "GET /hello" + host + "X: " + std::string(20000, 'x') + "\r\n\r\n"},
      {"internal", "GET /throw" + host + "\r\n"},
      {"overloaded", std::string(kGet)},
      {"version_not_supported", "GET /hello HTTP/2.0\r\n\r\n"},
  };
  for (const ProblemInfo& info : AllProblems()) {
    const std::string name(info.name);
    ASSERT_TRUE(requests.contains(name)) << name << " has no request that produces it";
    RunningServer& target = name == "overloaded" ? overloaded : server;
    const HttpAnswer answer = RawClient(target.port()).Exchange(requests.at(name));
    EXPECT_EQ(answer.Code(), name);
    EXPECT_EQ(answer.status, info.status) << name;
    // A failure is counted after its answer has been sent.
    EXPECT_TRUE(Eventually([&] { return target.server().Stats().problems[info.name] >= 1; })) << name;
  }
}

}  // namespace
}  // namespace billsync::http
