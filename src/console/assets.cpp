#include "assets.h"

#include <openssl/sha.h>

#include <array>
#include <map>
#include <stdexcept>

#include "billsync/admin/gzip.h"
#include "console/assets_data.h"
#include "page.h"

namespace billsync::console {
namespace {

struct Asset {
  std::string_view text;
  std::string gzip, version, type;
};

std::string VersionOf(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string version;
  for (size_t i = 0; i < 6; ++i) {
    version += kDigits[digest[i] >> 4U];
    version += kDigits[digest[i] & 15U];
  }
  return version;
}

std::string TypeOf(std::string_view name) {
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

// Compressed once, when first asked for.
const std::map<std::string, Asset, std::less<>>& Assets() {
  static const auto assets = [] {
    std::map<std::string, Asset, std::less<>> all;
    for (const auto& [name, text] : kAssetTexts) {
      all[std::string(name)] = {text, admin::Gzip(text), VersionOf(text), TypeOf(name)};
    }
    return all;
  }();
  return assets;
}

http::Response Serve(const http::Request& request) {
  const auto found = Assets().find(request.GetPathParam("name"));
  if (found == Assets().end()) return http::Problem(http::ProblemCode::kNotFound);
  const Asset& asset = found->second;
  http::Response response{.content_type = asset.type};
  Protect(response);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  const bool same = request.FindQuery("v") == asset.version;
  response.headers.emplace_back("Cache-Control", same ? "public, max-age=31536000, immutable" : "no-cache");
  if (admin::TakesGzip(request)) {
    response.body = asset.gzip;
    response.headers.emplace_back("Content-Encoding", "gzip");
  } else {
    response.body = asset.text;
  }
  return response;
}

}  // namespace

std::string AssetUrl(std::string_view name) {
  const auto found = Assets().find(name);
  if (found == Assets().end()) throw std::logic_error("no such asset: " + std::string(name));
  return "/assets/" + found->first + "?v=" + found->second.version;
}

void AddAssets(http::Router& router) {
  router.Add("GET", "/assets/{name}",
             [](http::Request&& request, http::Responder responder) { responder.Send(Serve(request)); });
}

}  // namespace billsync::console
