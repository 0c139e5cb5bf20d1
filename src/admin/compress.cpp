#include "billsync/admin/compress.h"

#include "gzip_stream.h"

namespace billsync::admin {
namespace {

constexpr size_t kWorthIt = 1024;

}  // namespace

bool TakesGzip(const http::Request& request) {
  return AcceptsGzip(request.FindHeader("Accept-Encoding").value_or(""));
}

std::string Compressed(std::string_view text) {
  return Gzip(text);
}

void CompressFor(const http::Request& request, http::Response& response) {
  if (response.stream || response.body.size() < kWorthIt) return;
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!TakesGzip(request)) return;
  response.body = Gzip(response.body);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace billsync::admin
