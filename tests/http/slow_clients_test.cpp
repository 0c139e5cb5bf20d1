// Clients that send or read slowly cost themselves, not others.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "http/raw_client.h"

namespace billsync::http {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

Router HelloRouter() {
  Router router;
  router.Add("GET", "/hello", Says("hello"));
  router.Add("POST", "/hello", Says("hello"));
  router.Add("GET", "/large", Says(std::string(size_t{64} << 20U, 'x')));
  return router;
}

// Sends one byte every few milliseconds for as long as the server listens.
void Drip(RawClient& client, std::string_view bytes) {
  for (const char c : bytes) {
    if (!client.TrySend(std::string_view(&c, 1))) return;
    std::this_thread::sleep_for(milliseconds{20});
  }
}

TEST(SlowClients, AreAnsweredAtTheDeadlineHoweverOftenTheySendAByte) {
  Limits limits;
  limits.request_deadline = milliseconds{300};
  RunningServer server(HelloRouter(), limits);
  for (const std::string& start :
       {std::string(), std::string("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n")}) {
    RawClient client(server.port());
    client.TrySend(start);
    const std::jthread dripper([&] { Drip(client, "GET /hello HTTP/1.1\r\nX: " + std::string(100, 'x')); });
    const auto elapsed = TimeOf([&] {
      const HttpAnswer answer = client.Read();
      EXPECT_EQ(answer.status, 408);
      EXPECT_EQ(answer.Code(), "request_timeout");
      EXPECT_TRUE(answer.Closes());
    });
    EXPECT_GE(elapsed.count(), 250);
    EXPECT_LT(elapsed.count(), 2000);
  }
  EXPECT_EQ(server.server().Stats().request_deadlines, 2U);
}

TEST(SlowClients, ThatNeverSayAWordAreClosedSilently) {
  Limits limits;
  limits.request_deadline = milliseconds{100};
  RunningServer server(HelloRouter(), limits);
  RawClient client(server.port());
  EXPECT_TRUE(client.EndsWithoutMore());
}

TEST(SlowClients, DoNotDelayOthers) {
  RunningServer server(HelloRouter());
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(server.port()));
    slow.back()->Send("GET /hello HT");
  }
  const std::jthread dripper([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& client : slow) client->TrySend("x");
      std::this_thread::sleep_for(milliseconds{20});
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto elapsed = TimeOf([&] { EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200); });
    EXPECT_LT(elapsed.count(), 500);
  }
  EXPECT_GE(server.server().Stats().connections_open, 200U) << "the slow ones were there all the time";
}

TEST(SlowClients, ThatDoNotReadTheirAnswerAreClosed) {
  Limits limits;
  limits.write_deadline = milliseconds{200};
  RunningServer server(HelloRouter(), limits);
  RawClient client(server.port());
  client.Send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().write_deadlines == 1; }));
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200);
}

TEST(SlowClients, ThatReadTheirAnswerAtLeisureGetAllOfIt) {
  RunningServer server(HelloRouter());
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange("GET /large HTTP/1.1\r\nHost: h\r\n\r\n").body.size(), size_t{64} << 20U);
  EXPECT_EQ(client.Exchange(kGet).status, 200);
}

}  // namespace
}  // namespace billsync::http
