// COPY's text format, and values in a query's text.
#include "db/copy_line.h"

#include <gtest/gtest.h>

#include "billsync/db/session.h"

namespace billsync::db {
namespace {

TEST(CopyLine, TakesFieldsApartAndEscapesBack) {
  CopyLine line;
  const auto& fields = line.Split("a\t\t\\N\tone\\ttwo\\nthree\\\\four\t\\\\N\tlast\\r");
  ASSERT_EQ(fields.size(), 6U);
  EXPECT_EQ(fields[0], "a");
  EXPECT_EQ(fields[1], "");
  EXPECT_EQ(fields[2], std::nullopt);
  EXPECT_EQ(fields[3], "one\ttwo\nthree\\four");
  EXPECT_EQ(fields[4], "\\N");
  EXPECT_EQ(fields[5], "last\r");
  EXPECT_EQ(line.Split("").size(), 1U);
}

TEST(Literal, QuotesWhateverIsInIt) {
  EXPECT_EQ(Literal(std::nullopt), "NULL");
  EXPECT_EQ(Literal("it's \\"), " E'it''s \\\\'");
}

}  // namespace
}  // namespace billsync::db
