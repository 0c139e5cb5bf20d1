#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "http/raw_client.h"

namespace billsync::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

Router HelloRouter() {
  Router router;
  router.Add("GET", "/hello", Says("hello"));
  return router;
}

TEST(StartStop, AStopBeforeTheStartIsNotLost) {
  Server server(HelloRouter(), {}, "test");
  const uint16_t port = server.Bind("127.0.0.1:0");
  server.Stop(seconds{1});
  server.Start();
  EXPECT_TRUE(IsRefused(port));
}

TEST(StartStop, AStopRightAfterTheStartIsNotLost) {
  for (int i = 0; i < 30; ++i) {
    Server server(HelloRouter(), {}, "test");
    const uint16_t port = server.Bind("127.0.0.1:0");
    server.Start();
    server.Stop(seconds{1});
    ASSERT_TRUE(IsRefused(port));
  }
}

TEST(StartStop, MayRaceEachOther) {
  for (int i = 0; i < 30; ++i) {
    Server server(HelloRouter(), {}, "test");
    const uint16_t port = server.Bind("127.0.0.1:0");
    std::thread start([&] { server.Start(); });
    std::thread stop([&] { server.Stop(seconds{1}); });
    std::thread again([&] { server.Stop(seconds{1}); });
    start.join();
    stop.join();
    again.join();
    ASSERT_TRUE(IsRefused(port));
  }
}

TEST(StartStop, NeedsABindFirst) {
  Server server(HelloRouter(), {}, "test");
  EXPECT_THROW(server.Start(), std::logic_error);
}

TEST(StartStop, ServesWhoConnectedBeforeTheStart) {
  Server server(HelloRouter(), {}, "test");
  RawClient client(server.Bind("127.0.0.1:0"));
  client.Send(kGet);
  server.Start();
  EXPECT_EQ(client.Read().status, 200);
}

TEST(StartStop, ClosesIdleConnectionsAtOnce) {
  RunningServer server(HelloRouter());
  RawClient idle(server.port());
  EXPECT_EQ(idle.Exchange(kGet).status, 200);
  const auto elapsed = TimeOf([&] { server.server().Stop(seconds{10}); });
  EXPECT_LT(elapsed.count(), 1000);
  EXPECT_TRUE(idle.EndsWithoutMore());
}

TEST(StartStop, LetsARequestInWorkFinish) {
  std::promise<Responder> held;
  Router router;
  router.Add("GET", "/hold", [&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  client.Send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  Responder responder = held.get_future().get();
  std::jthread stop([&] { server.server().Stop(seconds{10}); });
  EXPECT_TRUE(Eventually([&] { return IsRefused(server.port()); }));
  responder.Send({.body = "done"});
  const HttpAnswer answer = client.Read();
  EXPECT_EQ(answer.body, "done");
  EXPECT_TRUE(answer.Closes());
  const auto elapsed = TimeOf([&] { stop.join(); });
  EXPECT_LT(elapsed.count(), 1000);
}

TEST(StartStop, LetsARequestThatHasBegunArrive) {
  RunningServer server(HelloRouter());
  RawClient client(server.port());
  client.Send(kGet.substr(0, 20));
  // One full exchange on a later connection: by then the front has read the twenty bytes.
  EXPECT_EQ(RawClient(server.port()).Exchange(kGet).status, 200);
  std::jthread stop([&] { server.server().Stop(seconds{10}); });
  EXPECT_TRUE(Eventually([&] { return IsRefused(server.port()); }));
  client.Send(kGet.substr(20));
  EXPECT_EQ(client.Read().status, 200);
  stop.join();
}

TEST(StartStop, CutsWhatIsLeftWhenTheDrainTimeIsOver) {
  std::promise<Responder> held;
  Router router;
  router.Add("GET", "/hold", [&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  auto server = std::make_unique<RunningServer>(std::move(router));
  RawClient client(server->port());
  client.Send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  Responder responder = held.get_future().get();
  const auto elapsed = TimeOf([&] { server->server().Stop(milliseconds{100}); });
  EXPECT_GE(elapsed.count(), 90);
  EXPECT_LT(elapsed.count(), 2000);
  EXPECT_TRUE(client.EndsWithoutMore());
  server.reset();
  responder.Send({.body = "too late"});  // the server is gone; nobody is harmed
}

TEST(StartStop, AnswersARequestThatRacesTheStop) {
  for (int i = 0; i < 20; ++i) {
    RunningServer server(HelloRouter());
    RawClient client(server.port());
    EXPECT_EQ(client.Exchange(kGet).status, 200);
    client.Send(kGet);  // has reached this machine's kernel before the stop begins
    server.Stop();
    EXPECT_EQ(client.Read().status, 200);
  }
}

}  // namespace
}  // namespace billsync::http
