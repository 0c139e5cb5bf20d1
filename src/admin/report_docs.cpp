#include "api_route.h"

namespace billsync::admin {
namespace {

ApiRoute Report(const std::string& name, const std::string& summary) {
  ApiRoute route;
  route.method = "GET";
  route.path = "/api/v1/" + name;
  route.summary = summary + "; a page of rows, or with format= the whole file, streamed";
  route.params = {
      {"period", "A month such as 2026-10, or a range such as 2026-01..2026-10; the present one if left out"},
      {"format", "The file", R"({"enum":["csv","jsonl","xlsx","focus"]})"},
      {"layout", "Of usage: a column or a row a model", R"({"enum":["breakdown","wide","long"]})"},
      {"user", "users.id"},
      {"tier", "free, pro or enterprise"},
      {"team", "teams.id"},
      {"limit", "Rows of a page", R"({"type":"integer","minimum":1,"maximum":1000,"default":100})"},
      {"after", "`next` of the page before"}};
  const std::string text = R"({"type":["string","null"]})";
  route.answer_schema = ObjectSchema({{"report", text},
                                      {"period", text},
                                      {"period_state", R"({"enum":["open","closed"]})"},
                                      {"as_of", R"({"type":"string","format":"date-time"})"},
                                      {"rows", R"({"type":"array","items":{"type":"object"}})"},
                                      {"next", text}});
  route.problems = {400};
  return route;
}

}  // namespace

// What openapi.json says of the reports; report_routes.cpp serves them.
std::vector<ApiRoute> ReportDocs() {
  return {Report("usage", "Usage by user and month"), Report("invoices", "Invoices Stripe issued in the period"),
          Report("subscriptions", "Subscriptions of the period"),
          Report("margin", "Revenue and cost by user and month"),
          Report("adjustments", "Corrections booked in the period")};
}

}  // namespace billsync::admin
