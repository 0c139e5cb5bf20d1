// A connection never takes one request's body for the next request, and answers come in order.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "http/raw_client.h"

namespace billsync::http {
namespace {

constexpr std::string_view kAdmin = "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n";

class FrontSync : public testing::Test {
 protected:
  Router MakeRouter() {
    Router router;
    router.Add("GET", "/hello", Says("hello"));
    router.Add("GET", "/admin", [this](const Request&, Responder responder) {
      ++admin_;
      responder.Send({.body = "secret"});
    });
    router.Add("POST", "/echo",
               [](const Request& request, Responder responder) { responder.Send({.body = request.body}); });
    return router;
  }

  std::atomic<int> admin_{0};
};

TEST_F(FrontSync, NeverExecutesABodyThatComesAfterAnEarlyAnswer) {
  const std::string host = "Host: h\r\n";
  for (const std::string& refused : {
           "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 2000000\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 40\r\nContent-Encoding: gzip\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 40\r\nContent-Length: 41\r\n\r\n",
           "POST /echo HTTP/1.1\r\n" + host + "\r\n",
       }) {
    RunningServer server(MakeRouter());
    RawClient client(server.port());
    const HttpAnswer early = client.Exchange(refused);
    EXPECT_GE(early.status, 400);
    EXPECT_TRUE(early.Closes());
    // The server has answered and does not wait; now the "body" arrives.
    client.TrySend(kAdmin);
    EXPECT_TRUE(client.EndsWithoutMore()) << refused;
    server.Stop();
    EXPECT_EQ(admin_, 0) << refused;
  }
}

TEST_F(FrontSync, NeverExecutesWhatIsPipelinedBehindARefusedRequest) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc" + std::string(kAdmin));
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_TRUE(client.EndsWithoutMore());
  server.Stop();
  EXPECT_EQ(admin_, 0);
}

TEST_F(FrontSync, ReadsTheBodyOfARequestThatHasNoRoute) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  client.Send("POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kAdmin.size()) + "\r\n\r\n");
  client.Send(kAdmin);
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_EQ(client.Exchange("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").body, "hello");
  EXPECT_EQ(admin_, 0);
}

TEST_F(FrontSync, ReadsTheBodyOfAGet) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  client.Send("GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kAdmin.size()) + "\r\n\r\n");
  client.Send(kAdmin);
  EXPECT_EQ(client.Read().body, "hello");
  EXPECT_EQ(client.Exchange("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").body, "hello");
  EXPECT_EQ(admin_, 0);
}

TEST_F(FrontSync, AnswersPipelinedRequestsInOrder) {
  // Answers are completed by another thread.
  std::mutex mutex;
  std::condition_variable_any changed;
  std::vector<std::pair<std::string, Responder>> waiting;
  const std::jthread completer([&](const std::stop_token& stop) {
    for (;;) {
      std::unique_lock lock(mutex);
      if (!changed.wait(lock, stop, [&] { return !waiting.empty(); })) return;
      auto [body, responder] = std::move(waiting.back());
      waiting.pop_back();
      lock.unlock();
      responder.Send({.body = body});
    }
  });
  Router router = MakeRouter();
  router.Add("GET", "/later/{n}", [&](const Request& request, Responder responder) {
    const std::lock_guard lock(mutex);
    waiting.emplace_back(request.GetPathParam("n"), std::move(responder));
    changed.notify_one();
  });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += "GET /later/" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    all += "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\n";  // the odd empty line is skipped
  }
  client.Send(all);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client.Read().body, std::to_string(i));
    ASSERT_EQ(client.Read().body, "abc");
  }
}

TEST_F(FrontSync, SendsContinueOnlyToAHeadThatIsAccepted) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  const std::string expect = "Expect: 100-continue\r\n\r\n";
  EXPECT_EQ(client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" + expect).status, 100);
  EXPECT_EQ(client.Exchange("abc").body, "abc");
  EXPECT_EQ(client.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n" + expect).status, 413);
  EXPECT_TRUE(client.EndsWithoutMore());

  RawClient early(server.port());
  EXPECT_EQ(early.Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" + expect + "abc").status, 200)
      << "a body that is already here needs no invitation";
}

TEST_F(FrontSync, AnswersAClientThatHasFinishedSending) {
  RunningServer server(MakeRouter());
  RawClient client(server.port());
  client.Send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  client.CloseWrite();
  EXPECT_EQ(client.Read().body, "hello");
  EXPECT_TRUE(client.EndsWithoutMore());
}

}  // namespace
}  // namespace billsync::http
