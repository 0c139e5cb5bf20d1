#include "billsync/admin/gzip.h"

#include <zlib.h>

#include <array>
#include <stdexcept>

#include "billsync/base/parse.h"

namespace billsync::admin {
namespace {

constexpr int kLevel = 5;             // half the time of zlib's usual 6, for one percent of the bytes
constexpr int kGzipWindow = 15 + 16;  // zlib: 16 more for gzip's header
constexpr int kMemory = 8;
constexpr size_t kWorthIt = 1024;  // bytes

bool EqualNoCase(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// ";q=0", ";q=0.000": not acceptable.
bool IsRefused(std::string_view parameters) {
  const size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return false;
  const std::string_view value = Trim(parameters.substr(q + 2));
  return !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

struct SinkBuffer::Deflate {
  Deflate() {
    if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("zlib cannot compress");
    }
  }
  ~Deflate() { deflateEnd(&stream); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;
  z_stream stream{};
};

SinkBuffer::SinkBuffer(const http::ByteSink& sink, bool gzip)
    : sink_(sink), deflate_(gzip ? std::make_unique<Deflate>() : nullptr) {}

SinkBuffer::~SinkBuffer() = default;

bool SinkBuffer::Finish() {
  return !deflate_ || Write("", true);
}

SinkBuffer::int_type SinkBuffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char one = traits_type::to_char_type(c);
  return Write({&one, 1}, false) ? c : traits_type::eof();
}

std::streamsize SinkBuffer::xsputn(const char* text, std::streamsize size) {
  return Write({text, static_cast<size_t>(size)}, false) ? size : 0;
}

bool SinkBuffer::Write(std::string_view text, bool last) {
  if (!deflate_) return sink_(text);
  z_stream& stream = deflate_->stream;
  // zlib only reads from next_in, but its type does not say so.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  std::array<char, size_t{32} << 10U> out;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR) return false;
    const size_t made = out.size() - stream.avail_out;
    if (made > 0 && !sink_({out.data(), made})) return false;
  } while (stream.avail_out == 0);
  return true;
}

std::string Gzip(std::string_view text) {
  std::string out;
  const http::ByteSink sink = [&](std::string_view bytes) {
    out += bytes;
    return true;
  };
  SinkBuffer buffer(sink, true);
  buffer.sputn(text.data(), static_cast<std::streamsize>(text.size()));
  buffer.Finish();
  return out;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const size_t comma = accept_encoding.find(',');
    const std::string_view one = accept_encoding.substr(0, comma);
    const size_t semicolon = one.find(';');
    const std::string_view name = Trim(one.substr(0, semicolon));
    if (EqualNoCase(name, "gzip") || name == "*") {
      return semicolon == std::string_view::npos || !IsRefused(one.substr(semicolon));
    }
    accept_encoding.remove_prefix(comma == std::string_view::npos ? accept_encoding.size() : comma + 1);
  }
  return false;
}

bool TakesGzip(const http::Request& request) {
  return AcceptsGzip(request.FindHeader("Accept-Encoding").value_or(""));
}

void CompressFor(const http::Request& request, http::Response& response) {
  if (response.stream || response.body.size() < kWorthIt) return;
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!TakesGzip(request)) return;
  response.body = Gzip(response.body);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace billsync::admin
