// What comes from outside stays text, whatever it holds.
#include "console/html.h"

#include <gtest/gtest.h>

#include "billsync/http/request.h"
#include "console/table.h"

namespace billsync::console {
namespace {

TEST(Html, EscapesTextAndAttributes) {
  const std::string evil = R"(<script>alert("1")</script>&'x')";
  const std::string escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;x&#39;";
  EXPECT_EQ(Tag("p", {evil}).markup(), "<p>" + escaped + "</p>");
  EXPECT_EQ(Tag("input", {{"value", evil}, {"class", std::nullopt}}).markup(), "<input value=\"" + escaped + "\">");
}

TEST(Html, EncodesWhatGoesIntoAddresses) {
  EXPECT_EQ(Url("/events", {{"reason", "a&b=c"}, {"status", ""}, {"q", "ü \"x\""}}),
            "/events?reason=a%26b%3Dc&q=%C3%BC%20%22x%22");
  EXPECT_EQ(ObjectLink("../x\"y").markup(), "<a class=\"id\" href=\"/objects/..%2Fx%22y\">../x&quot;y</a>");
}

TEST(Table, GroupsDigits) {
  EXPECT_EQ(Grouped("1234567"), "1,234,567");
  EXPECT_EQ(Grouped("-1234.5678"), "-1,234.5678");
  EXPECT_EQ(Grouped("999"), "999");
  EXPECT_EQ(Grouped("no number"), "no number");
}

TEST(Table, RoundsToCentsHalfAwayFromZeroAsTheDatabaseDoes) {
  const std::vector<std::pair<std::string, std::string>> amounts = {
      {"1.2782", "1.28"},
      {"1.2687", "1.27"},
      {"2999999.9997", "3000000.00"},
      {"1.005", "1.01"},
      {"1.0049", "1.00"},
      {"-1.005", "-1.01"},
      {"-1.0049", "-1.00"},
      {"-0.004", "0.00"},
      {"-0.005", "-0.01"},
      {"0.9999", "1.00"},
      {"9.995", "10.00"},
      {"99.9949", "99.99"},
      {"7", "7.00"},
      {"7.5", "7.50"},
      {"0", "0.00"},
      {"0.0000", "0.00"},
      {"NaN", "NaN"},
      {"", ""},
      {"12345678901234567890.005", "12345678901234567890.01"}};
  for (const auto& [exact, cents] : amounts) EXPECT_EQ(RoundedToCents(exact), cents) << exact;
}

TEST(Table, ShowsDollarsRoundedAndTheExactAmountInTheTitle) {
  EXPECT_EQ(Usd("1234.56").markup(), "$1,234.56");
  EXPECT_EQ(Usd("0.9999").markup(), "<span title=\"$0.9999\">$1.00</span>");
  EXPECT_EQ(Usd("2999999.9997").markup(), "<span title=\"$2,999,999.9997\">$3,000,000.00</span>");
  EXPECT_EQ(Usd("11.1700").markup(), "$11.17");
  EXPECT_EQ(Usd("-12.50").markup(), "−$12.50");
  EXPECT_EQ(Usd("-1.0050").markup(), "<span title=\"−$1.0050\">−$1.01</span>");
  EXPECT_EQ(Usd("7").markup(), "$7.00");
}

TEST(Form, IsReadStrictly) {
  const auto form = http::ParseForm("id=evt_1&id=evt+2&reason=a%26b&empty=&&bare");
  ASSERT_TRUE(form);
  EXPECT_EQ(*form,
            (http::NameValues{{"id", "evt_1"}, {"id", "evt 2"}, {"reason", "a&b"}, {"empty", ""}, {"bare", ""}}));
  for (const char* bad : {"a=%", "a=%4", "a=%00", "a=%FF", "%zz=1"}) EXPECT_FALSE(http::ParseForm(bad)) << bad;
}

}  // namespace
}  // namespace billsync::console
