// openapi.json and the routes are the same list.
#include "billsync/admin/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <set>

#include "billsync/admin/gzip.h"
#include "billsync/stripe/json.h"

namespace billsync::admin {
namespace {

http::Router RouterOfTheApi(const TokenGuard& guard) {
  http::Router router;
  AdminParts parts;
  parts.guard = &guard;
  static db::Pool pool({}, 1);  // never asked for a session
  parts.pool = &pool;
  parts.metrics.clock = SystemNow;
  AddRoutes(router, parts);
  return router;
}

// "get /api/v1/events" of each operation.
std::set<std::string> Documented(const std::string& text) {
  std::set<std::string> found;
  const size_t paths = text.find("\"paths\":{");
  for (size_t at = text.find("\"/", paths); at != std::string::npos; at = text.find("\"/", at + 1)) {
    const size_t end = text.find('"', at + 1);
    if (text.compare(end, 3, "\":{") != 0) continue;
    const std::string path = text.substr(at + 1, end - at - 1);
    for (const char* method : {"get", "post"}) {
      const size_t next_path = text.find("\"/", end);
      const size_t here = text.find("\"" + std::string(method) + "\":{\"summary\"", end);
      if (here != std::string::npos && (next_path == std::string::npos || here < next_path))
        found.insert(std::string(method) + " " + path);
    }
  }
  return found;
}

TEST(OpenApi, HasEveryRouteAndNoOther) {
  const TokenGuard guard({});
  std::set<std::string> served;
  for (const auto& [method, path] : RouterOfTheApi(guard).List())
    served.insert((method == "GET" ? "get " : "post ") + path);
  EXPECT_EQ(Documented(OpenApiJson()), served);
  EXPECT_GE(served.size(), 20U);
}

TEST(OpenApi, IsJsonAndDescribesEveryParameterOfAPath) {
  const std::string document = OpenApiJson();
  EXPECT_TRUE(stripe::JsonDocument::Parse(document));
  const TokenGuard guard({});
  for (const auto& [method, path] : RouterOfTheApi(guard).List()) {
    for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
      const std::string name = path.substr(at + 1, path.find('}', at) - at - 1);
      const size_t operation = document.find("\"" + path + "\":{");
      EXPECT_NE(document.find("{\"name\":\"" + name + "\",\"in\":\"path\",\"required\":true", operation),
                std::string::npos)
          << method << " " << path;
    }
  }
}

TEST(Compression, IsUndoneByZlibAndOnlyUsedWhenItIsTakenAndWorthIt) {
  const std::string text(5000, 'x');
  http::Request request;
  http::Response plain{.body = text};
  CompressFor(request, plain);
  EXPECT_EQ(plain.body, text);
  for (const auto& [header, taken] : std::vector<std::pair<std::string, bool>>{
           {"gzip", true}, {"br, gzip;q=0.5", true}, {"gzip;q=0", false}, {"identity", false}, {"x-gzip", false}}) {
    request.headers = {{"Accept-Encoding", header}};
    http::Response response{.body = text};
    CompressFor(request, response);
    EXPECT_EQ(response.body != text, taken) << header;
    http::Response small{.body = "short"};
    CompressFor(request, small);
    EXPECT_EQ(small.body, "short");
  }
  const std::string packed = Gzip(text);
  EXPECT_EQ(packed, Gzip(text));
  std::string back(text.size(), '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(back.data());
  stream.avail_out = static_cast<uInt>(back.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  inflateEnd(&stream);
  EXPECT_EQ(back, text);
}

}  // namespace
}  // namespace billsync::admin
