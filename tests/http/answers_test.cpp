// What a client gets, and what never leaves the server.
#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "http/raw_client.h"

namespace billsync::http {
namespace {

std::string Get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n";
}

TEST(Answers, IgnoreRangeOnGetAndPost) {
  Router router;
  const auto hundred = [](const Request& request, Responder responder) {
    EXPECT_FALSE(request.FindHeader("Range"));
    responder.Send({.body = std::string(100, 'x')});
  };
  router.Add("GET", "/r", hundred);
  router.Add("POST", "/r", hundred);
  RunningServer server(std::move(router));
  RawClient client(server.port());
  for (const std::string& request :
       {Get("/r", "Range: bytes=0-9\r\n"), Get("/r", "Range: bytes=5000-\r\n"),
        std::string("POST /r HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9\r\nContent-Length: 0\r\n\r\n")}) {
    const HttpAnswer answer = client.Exchange(request);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), 100U);
  }
}

TEST(Answers, NeverShowTheTextOfAnException) {
  Router router;
  router.Add("GET", "/std", [](const Request&, const Responder&) { throw std::runtime_error("password=hunter2"); });
  router.Add("GET", "/int", [](const Request&, const Responder&) { throw 42; });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  for (const char* path : {"/std", "/int"}) {
    const HttpAnswer answer = client.Exchange(Get(path));
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.Code(), "internal");
    EXPECT_EQ((answer.head + answer.body).find("hunter2"), std::string::npos);
    EXPECT_FALSE(answer.headers.contains("exception_what"));
  }
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().handler_exceptions == 2; }));
}

TEST(Answers, KnowThePeerFromTheSocketAlone) {
  Router router;
  router.Add("GET", "/who", [](const Request& request, Responder responder) {
    responder.Send({.body = request.remote_addr + "," + std::to_string(request.AllHeaders("REMOTE_ADDR").size())});
  });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(Get("/who", "REMOTE_ADDR: 6.6.6.6\r\nremote_addr: 7.7.7.7\r\n")).body, "127.0.0.1,0");
}

TEST(Answers, MayBeCompletedByAnotherThread) {
  std::promise<Responder> held;
  Router router;
  router.Add("GET", "/defer", [&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  router.Add("GET", "/hello", Says("hello"));
  Limits limits;
  limits.workers = 1;
  RunningServer server(std::move(router), limits);
  RawClient client(server.port());
  client.Send(Get("/defer"));
  Responder responder = held.get_future().get();
  EXPECT_EQ(RawClient(server.port()).Exchange(Get("/hello")).body, "hello") << "the only worker is free meanwhile";
  EXPECT_EQ(server.server().Stats().requests_pending, 1U);
  std::thread([&] { responder.Send({.body = "late"}); }).join();
  EXPECT_EQ(client.Read().body, "late");
}

TEST(Answers, AreDroppedWhenTheClientHasGone) {
  std::promise<Responder> held;
  Router router;
  router.Add("GET", "/defer", [&](const Request&, Responder responder) { held.set_value(std::move(responder)); });
  RunningServer server(std::move(router));
  Responder responder = [&] {
    RawClient client(server.port());
    client.Send(Get("/defer"));
    return held.get_future().get();
  }();
  // The client has only closed its side as far as the server can tell; an answer makes it reset.
  responder.Send({.body = "x"});
  EXPECT_TRUE(Eventually([&] { return server.server().Stats().connections_open == 0; }));
  EXPECT_EQ(server.server().Stats().requests_pending, 0U);
}

TEST(Answers, AreInternalWhenTheHandlerForgets) {
  Router router;
  router.Add("GET", "/forget", [](const Request&, const Responder&) {});
  RunningServer server(std::move(router));
  EXPECT_EQ(RawClient(server.port()).Exchange(Get("/forget")).Code(), "internal");
}

TEST(Answers, AreInternalWhenAHeaderWouldSplitThem) {
  Router router;
  router.Add("GET", "/split", [](const Request& request, Responder responder) {
    responder.Send({.headers = {{"Location", std::string(*request.FindQuery("to"))}}});
  });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  const HttpAnswer answer = client.Exchange(Get("/split?to=/%0d%0aSet-Cookie:%20a=b"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.head.find("Set-Cookie"), std::string::npos);
  EXPECT_EQ(client.Exchange(Get("/split?to=/x")).Header("location"), "/x");
}

TEST(Answers, ToHeadHaveTheHeadersOfGetAndNoBody) {
  Router router;
  router.Add("GET", "/hello", Says("hello"));
  RunningServer server(std::move(router));
  RawClient client(server.port());
  client.Send("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n" + Get("/hello"));
  const HttpAnswer head = client.Read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-length"), "5");
  EXPECT_EQ(client.Read().body, "hello") << "nothing may stand between the two answers";
}

TEST(Answers, SayWhichMethodsAPathHas) {
  Router router;
  router.Add("POST", "/webhooks/stripe", Says("ok"));
  RunningServer server(std::move(router));
  RawClient client(server.port());
  const HttpAnswer wrong_method = client.Exchange(Get("/webhooks/stripe"));
  EXPECT_EQ(wrong_method.status, 405);
  EXPECT_EQ(wrong_method.Header("allow"), "POST");
  EXPECT_EQ(client.Exchange("BREW /webhooks/stripe HTTP/1.1\r\nHost: h\r\n\r\n").status, 405);
  EXPECT_EQ(client.Exchange(Get("/webhooks/stripe/")).status, 404);
  EXPECT_EQ(client.Exchange(Get("/../etc/passwd")).status, 404);
}

TEST(Answers, DecodeTheQuery) {
  Router router;
  router.Add("GET", "/q/{id}", [](const Request& request, Responder responder) {
    responder.Send({.body = request.GetPathParam("id") + "|" + std::string(request.FindQuery("a").value_or("none"))});
  });
  RunningServer server(std::move(router));
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(Get("/q/a%20%C3%A9?b=1&a=x%26y+z%3d=")).body, "a \xC3\xA9|x&y z==");
  EXPECT_EQ(client.Exchange(Get("/q/1?b=1")).body, "1|none");
}

TEST(Answers, CarryADateAndNoServerName) {
  Router router;
  router.Add("GET", "/hello", Says("hello"));
  RunningServer server(std::move(router));
  const HttpAnswer answer = RawClient(server.port()).Exchange(Get("/hello"));
  EXPECT_TRUE(answer.Header("date").ends_with(" GMT"));
  EXPECT_FALSE(answer.headers.contains("server"));
  EXPECT_EQ(answer.Header("content-type"), "text/plain");
}

}  // namespace
}  // namespace billsync::http
