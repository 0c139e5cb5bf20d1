// The sockets: binding, reuse, their options.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http/raw_client.h"
#include "listener.h"

namespace billsync::http {
namespace {

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

Router HelloRouter() {
  Router router;
  router.Add("GET", "/hello", Says("hello"));
  return router;
}

TEST(Listener, RefusesAPortThatIsTaken) {
  const Listener first = Listen("127.0.0.1:0");
  const std::string address = "127.0.0.1:" + std::to_string(first.port);
  try {
    Listen(address);
    FAIL() << "two listeners share " << address;
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "cannot listen on " + address + ": Address already in use");
  }
}

TEST(Listener, ListensWithABacklogOf511) {
  int allowed = 0;
  std::ifstream("/proc/sys/net/core/somaxconn") >> allowed;
  const Listener listener = Listen("127.0.0.1:0");
  tcp_info info{};
  socklen_t size = sizeof info;
  ASSERT_EQ(::getsockopt(listener.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  EXPECT_EQ(static_cast<int>(info.tcpi_sacked), std::min(allowed, 511));  // of a listening socket: its backlog
}

TEST(Listener, AcceptsWithoutNagleAndOutsideTheRangeOfSelect) {
  RunningServer raises_the_file_limit(HelloRouter());
  const Listener listener = Listen("127.0.0.1:0");
  const RawClient client(listener.port);
  Accepted accepted;
  ASSERT_TRUE(Eventually([&] {
    accepted = AcceptOne(listener.fd.get());
    return accepted.status == AcceptStatus::kAccepted;
  }));
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ASSERT_EQ(::getsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_NE(no_delay, 0);
  EXPECT_EQ(accepted.peer, "127.0.0.1");
  EXPECT_GE(accepted.fd.get(), FD_SETSIZE);
  EXPECT_EQ(AcceptOne(listener.fd.get()).status, AcceptStatus::kNoneWaiting);
}

TEST(Listener, SaysWhatIsWrongWithAnAddress) {
  for (const char* address : {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                              "127.0.0.1:-1", "::1:8080", "[::1]", "[::1]8080", "256.256.256.256.x:1"}) {
    EXPECT_THROW(Listen(address), std::runtime_error) << address;
  }
}

TEST(Listener, TakesAnIPv6Address) {
  if (!std::ifstream("/proc/net/if_inet6").good()) GTEST_SKIP() << "this kernel has no IPv6";
  EXPECT_NE(Listen("[::1]:0").port, 0);
}

TEST(Connection, IsReusedUntilItsLastRequest) {
  Limits limits;
  limits.max_requests_per_connection = 3;
  RunningServer server(HelloRouter(), limits);
  RawClient client(server.port());
  EXPECT_FALSE(client.Exchange(kGet).Closes());
  EXPECT_FALSE(client.Exchange(kGet).Closes());
  EXPECT_TRUE(client.Exchange(kGet).Closes());
  EXPECT_TRUE(client.EndsWithoutMore());
  EXPECT_EQ(server.server().Stats().connections_accepted, 1U);
  EXPECT_EQ(server.server().Stats().responses_2xx, 3U);
}

TEST(Connection, ClosesWhenTheClientAsks) {
  RunningServer server(HelloRouter());
  RawClient client(server.port());
  EXPECT_TRUE(client.Exchange("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").Closes());
  EXPECT_TRUE(client.EndsWithoutMore());
  RawClient old(server.port());
  EXPECT_EQ(old.Exchange("GET /hello HTTP/1.0\r\n\r\n").body, "hello");
  EXPECT_TRUE(old.EndsWithoutMore());
}

TEST(Connection, ClosesWhenIdle) {
  Limits limits;
  limits.keep_alive_idle = std::chrono::milliseconds{50};
  RunningServer server(HelloRouter(), limits);
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(kGet).status, 200);
  EXPECT_TRUE(client.EndsWithoutMore());
  EXPECT_EQ(server.server().Stats().request_deadlines, 0U);
}

TEST(Connection, AnswersWithoutTheFortyMillisecondsOfNagle) {
  Router router = HelloRouter();
  // Head and body leave in two small writes.
  router.Add("GET", "/stream", [](const Request&, Responder responder) {
    responder.Send({.stream = [](const ByteSink& sink) { return sink("hello"); }});
  });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  const auto elapsed = TimeOf([&] {
    for (int i = 0; i < 25; ++i) {
      EXPECT_EQ(client.Exchange(kGet).body, "hello");
      EXPECT_EQ(client.Exchange("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n").body, "hello");
    }
  });
  EXPECT_LT(elapsed.count(), 25 * 20);
}

TEST(Connection, TakesManyRequestsAtOnce) {
  RunningServer server(HelloRouter());
  std::vector<std::jthread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      RawClient client(server.port());
      for (int n = 0; n < 50; ++n) good += client.Exchange(kGet).status == 200 ? 1 : 0;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 800);
  EXPECT_EQ(server.server().Stats().requests_handled, 800U);
}

}  // namespace
}  // namespace billsync::http
