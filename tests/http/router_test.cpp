#include "billsync/http/router.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

namespace billsync::http {
namespace {

const Handler kNothing = [](const Request&, const Responder&) {};

// A router whose handlers can be told apart.
class Labelled {
 public:
  void Add(std::string_view method, std::string_view pattern) {
    router_.Add(method, pattern,
                [this, label = std::string(pattern)](const Request&, const Responder&) { hit_ = label; });
  }
  std::string Find(std::string_view method, std::string_view path) {
    hit_.clear();
    const auto found = router_.Find(method, path);
    if (found.handler == nullptr) return found.allow.empty() ? "404" : "405 " + found.allow;
    (*found.handler)(Request{}, Responder{nullptr});
    for (const auto& [name, value] : found.path_params) hit_ += " " + name + "=" + value;
    return hit_;
  }

 private:
  Router router_;
  std::string hit_;
};

TEST(Router, MatchesWholePathsOnly) {
  Labelled router;
  router.Add("GET", "/");
  router.Add("GET", "/healthz");
  router.Add("POST", "/api/v1/events/{id}/retry");
  router.Add("GET", "/api/v1/events/{id}");
  router.Add("GET", "/api/v1/events/export");
  EXPECT_EQ(router.Find("GET", "/"), "/");
  EXPECT_EQ(router.Find("GET", "/healthz"), "/healthz");
  EXPECT_EQ(router.Find("GET", "/healthz/"), "404");
  EXPECT_EQ(router.Find("GET", "/healthzz"), "404");
  EXPECT_EQ(router.Find("GET", "//healthz"), "404");
  EXPECT_EQ(router.Find("POST", "/api/v1/events/evt_1/retry"), "/api/v1/events/{id}/retry id=evt_1");
  EXPECT_EQ(router.Find("POST", "/api/v1/events//retry"), "404");
  EXPECT_EQ(router.Find("GET", "/api/v1/events/evt_1"), "/api/v1/events/{id} id=evt_1");
  EXPECT_EQ(router.Find("GET", "/api/v1/events/export"), "/api/v1/events/export");
  EXPECT_EQ(router.Find("GET", "/api/v1/events/a.*"), "/api/v1/events/{id} id=a.*");
}

TEST(Router, SaysWhichMethodsAPathHas) {
  Labelled router;
  router.Add("GET", "/jobs/{name}");
  router.Add("POST", "/jobs/{name}");
  EXPECT_EQ(router.Find("DELETE", "/jobs/x"), "405 GET, HEAD, POST");
  EXPECT_EQ(router.Find("get", "/jobs/x"), "405 GET, HEAD, POST");
  EXPECT_EQ(router.Find("HEAD", "/jobs/x"), "/jobs/{name} name=x");
}

TEST(Router, RefusesARouteAddedTwice) {
  Router router;
  router.Add("GET", "/events/{id}", kNothing);
  EXPECT_THROW(router.Add("GET", "/events/{other}", kNothing), std::logic_error);
  EXPECT_THROW(router.Add("GET", "events", kNothing), std::logic_error);
  EXPECT_THROW(router.Add("GET", "/x", nullptr), std::logic_error);
  EXPECT_NO_THROW(router.Add("POST", "/events/{id}", kNothing));
}

TEST(Responder, AnswersOnceAndOnlyOnce) {
  int answers = 0;
  Responder responder([&](const Response& response) {
    ++answers;
    EXPECT_EQ(response.status, 202);
  });
  Responder moved = std::move(responder);
  moved.Send({.status = 202});
  EXPECT_THROW(moved.Send({}), std::logic_error);
  EXPECT_EQ(answers, 1);
}

TEST(Responder, AnswersInternalWhenForgotten) {
  std::optional<Response> answer;
  {
    const Responder forgotten([&](Response response) { answer = std::move(response); });
  }
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  EXPECT_EQ(answer->content_type, "application/problem+json");
  EXPECT_NE(answer->body.find(R"("code":"internal")"), std::string::npos);
}

TEST(Request, HasOnlyThePathParametersOfItsRoute) {
  Request request;
  request.path_params = {{"id", "evt_1"}};
  EXPECT_EQ(request.GetPathParam("id"), "evt_1");
  EXPECT_THROW(request.GetPathParam("name"), std::logic_error);
}

}  // namespace
}  // namespace billsync::http
