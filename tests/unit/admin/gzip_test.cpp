// gzip for clients that take it.
#include "billsync/admin/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <ostream>

namespace billsync::admin {
namespace {

std::string Inflated(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string out(1 << 22, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0U);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Gzip, IsReadBackWhole) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i * 7919) + ",row\r\n";
  EXPECT_EQ(Inflated(Gzip(text)), text);
  EXPECT_EQ(Inflated(Gzip("")), "");
}

TEST(Gzip, FailsTheStreamWhenTheClientIsGone) {
  const http::ByteSink gone = [](std::string_view) { return false; };
  SinkBuffer buffer(gone, false);
  std::ostream out(&buffer);
  out << "x";
  EXPECT_FALSE(out);
}

TEST(Gzip, IsAcceptedByWhoSaysSo) {
  for (const char* value : {"gzip", "deflate, gzip", "GZIP;q=0.5", "*", "br, *;q=0.1", "gzip ; q=1.0"}) {
    EXPECT_TRUE(AcceptsGzip(value)) << value;
  }
  for (const char* value : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "xgzip", "*;q=0"}) {
    EXPECT_FALSE(AcceptsGzip(value)) << value;
  }
}

}  // namespace
}  // namespace billsync::admin
