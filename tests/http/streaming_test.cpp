// Answers that are produced while they are sent.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "http/raw_client.h"

namespace billsync::http {
namespace {

constexpr std::string_view kGet = "GET /s HTTP/1.1\r\nHost: h\r\n\r\n";

Router StreamRouter(StreamBody body) {
  Router router;
  router.Add("GET", "/hello", Says("hello"));
  router.Add("GET", "/s", [body = std::move(body)](const Request&, Responder responder) {
    responder.Send({.content_type = "text/csv", .stream = body});
  });
  return router;
}

TEST(Streaming, DeliversEveryByteInOrder) {
  std::string expected;
  for (int i = 0; i < 200000; ++i) expected += std::to_string(i) + "\n";
  RunningServer server(StreamRouter([&](const ByteSink& sink) {
    for (size_t at = 0; at < expected.size(); at += 1000) {
      if (!sink(std::string_view(expected).substr(at, 1000))) return false;
    }
    return true;
  }));
  RawClient client(server.port());
  for (int round = 0; round < 3; ++round) {
    const HttpAnswer answer = client.Exchange(kGet);
    EXPECT_EQ(answer.Header("transfer-encoding"), "chunked");
    EXPECT_EQ(answer.Header("content-length"), "");
    EXPECT_FALSE(answer.truncated);
    EXPECT_EQ(answer.body, expected);
  }
}

TEST(Streaming, TakesPiecesOfAnySize) {
  const std::string large(3000000, 'x');
  RunningServer server(StreamRouter([&](const ByteSink& sink) { return sink("") && sink(large) && sink("y"); }));
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).body, large + "y");
}

TEST(Streaming, MayBeEmpty) {
  RunningServer server(StreamRouter([](const ByteSink&) { return true; }));
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(kGet).body, "");
  EXPECT_EQ(client.Exchange(kGet).status, 200);
}

TEST(Streaming, ShowsTheClientThatAnAnswerWasCut) {
  std::atomic<bool> throws{false};
  RunningServer server(StreamRouter([&](const ByteSink& sink) {
    sink(std::string(100000, 'x'));
    if (throws) throw std::runtime_error("hunter2");
    return false;
  }));
  for (const bool by_exception : {false, true}) {
    throws = by_exception;
    const HttpAnswer answer = RawClient(server.port()).Exchange(kGet);
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.truncated);
    EXPECT_EQ(answer.body.find("hunter2"), std::string::npos);
  }
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().streams_aborted == 2; }));
}

TEST(Streaming, EndsWithTheConnectionForHttp10) {
  std::atomic<bool> whole{true};
  RunningServer server(StreamRouter([&](const ByteSink& sink) { return sink("abc") && whole; }));
  RawClient client(server.port());
  const HttpAnswer answer = client.Exchange("GET /s HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.Header("transfer-encoding"), "");
  EXPECT_EQ(answer.body, "abc");
  whole = false;
  RawClient cut(server.port());
  cut.Send("GET /s HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(cut.EndsWithReset()) << "an orderly end would look like the whole answer";
}

TEST(Streaming, IsNotRunForHead) {
  RunningServer server(StreamRouter([](const ByteSink&) -> bool { throw std::runtime_error("not for HEAD"); }));
  RawClient client(server.port());
  client.Send("HEAD /s HTTP/1.1\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.Read(true).status, 200);
  EXPECT_EQ(client.Read().body, "hello");
}

TEST(Streaming, HoldsTheProducerBackAndGivesItUpAtTheWriteDeadline) {
  std::promise<size_t> produced;
  Limits limits;
  limits.write_deadline = std::chrono::milliseconds{300};
  RunningServer server(StreamRouter([&](const ByteSink& sink) {
                         const std::string piece(10000, 'x');
                         size_t bytes = 0;
                         while (bytes < (size_t{1} << 30U) && sink(piece)) bytes += piece.size();
                         produced.set_value(bytes);
                         return true;
                       }),
                       limits);
  RawClient client(server.port());
  client.Send(kGet);  // and never reads
  const size_t bytes = produced.get_future().get();
  EXPECT_LT(bytes, size_t{64} << 20U) << "no more than what the kernel's buffers take";
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().streams_aborted == 1; }));
  EXPECT_EQ(server.server().Stats().write_deadlines, 1U);
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().requests_pending == 0; }));
}

TEST(Streaming, StopsTheProducerWhenTheClientGoes) {
  std::promise<void> first;
  std::promise<void> stopped;
  RunningServer server(StreamRouter([&, once = std::make_shared<bool>(false)](const ByteSink& sink) {
    while (sink(std::string(100000, 'x'))) {
      if (!std::exchange(*once, true)) first.set_value();
    }
    stopped.set_value();
    return false;
  }));
  {
    RawClient client(server.port());
    client.Send(kGet);
    first.get_future().wait();
  }
  EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds{10}), std::future_status::ready);
}

TEST(Streaming, LeavesAWorkerForOrdinaryRequests) {
  std::atomic<bool> go_on{true};
  std::atomic<int> running{0};
  Limits limits;
  limits.workers = 2;
  RunningServer server(StreamRouter([&](const ByteSink& sink) {
                         ++running;
                         while (go_on && sink("x")) std::this_thread::sleep_for(std::chrono::milliseconds{1});
                         return true;
                       }),
                       limits);
  RawClient first(server.port());
  RawClient second(server.port());
  first.Send(kGet);
  second.Send(kGet);
  EXPECT_TRUE(Eventually([&] { return running == 1; }));
  EXPECT_EQ(RawClient(server.port()).Exchange("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").body, "hello");
  EXPECT_EQ(running, 1);
  go_on = false;
  EXPECT_FALSE(first.Read().truncated);
  EXPECT_FALSE(second.Read().truncated);
}

TEST(Streaming, IsCutByAStopThatDoesNotWait) {
  std::promise<void> ended;
  RunningServer server(StreamRouter([&](const ByteSink& sink) {
    while (sink(std::string(100000, 'x'))) {
    }
    ended.set_value();
    return false;
  }));
  RawClient client(server.port());
  client.Send(kGet);
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().responses_2xx == 1; }));
  server.server().Stop(std::chrono::milliseconds{0});
  EXPECT_TRUE(client.Read().truncated);
}

}  // namespace
}  // namespace billsync::http
