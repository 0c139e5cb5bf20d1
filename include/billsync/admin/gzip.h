// gzip for clients that take it.
#pragma once

#include <memory>
#include <streambuf>
#include <string>
#include <string_view>

#include "billsync/http/request.h"
#include "billsync/http/response.h"

namespace billsync::admin {

// A stream's buffer that hands what it is given to a client, compressed if asked for. Fails (badbit) once the client is
// gone. Nothing is flushed before the end: CSV rows are worth no packet of their own.
class SinkBuffer : public std::streambuf {
 public:
  SinkBuffer(const http::ByteSink& sink, bool gzip);
  ~SinkBuffer() override;
  // Writes what is left; false when the client is gone.
  bool Finish();

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;

 private:
  bool Write(std::string_view text, bool last);

  struct Deflate;
  const http::ByteSink& sink_;
  std::unique_ptr<Deflate> deflate_;  // null: as it is
};

// The whole text as gzip: equal bytes for equal texts.
std::string Gzip(std::string_view text);

// Whether an Accept-Encoding value takes gzip: "gzip", "*", but not with q=0.
bool AcceptsGzip(std::string_view accept_encoding);
bool TakesGzip(const http::Request& request);

// Compresses the body if the client takes it and it is long enough to gain; says Vary either way. Leaves streams alone.
void CompressFor(const http::Request& request, http::Response& response);

}  // namespace billsync::admin
