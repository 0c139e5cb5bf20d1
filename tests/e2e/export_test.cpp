// Finance's files by the real program: packs made, verified and compared, and the same bytes over HTTP.
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include "e2e/commands.h"
#include "e2e/json_text.h"

namespace billsync::testing {
namespace {

constexpr const char* kUser = "00000000-0000-4000-8000-000000000001";

std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Exports : public ::testing::Test {
 protected:
  Exports() {
    AddUser(database_, 1, "ada");
    database_.Run(std::string("INSERT INTO billing_usage (user_id, period_start, period_end, total_runs, total_tokens, "
                              "total_cost_usd, total_cost_exact_usd, cost_breakdown) VALUES ('") +
                  kUser + "', '2023-10-01', '2023-11-01', 3, 30, 2.50, 2.5, '{\"gpt-4o\": 2.5}')");
    AddInvoice("in_1", "29");
  }
  void AddInvoice(const std::string& id, const std::string& usd) {
    database_.Run(
        "INSERT INTO billing_invoices (user_id, stripe_invoice_id, status, currency, amount_minor, amount_paid_minor, "
        "amount_usd, amount_paid_usd, issued_at, paid_at) VALUES ('" +
        std::string(kUser) + "', '" + id + "', 'paid', 'usd', " + usd + "00, " + usd + "00, " + usd + ", " + usd +
        ", '2023-10-05', '2023-10-06')");
  }
  ProgramResult Run(std::vector<std::string> arguments) { return Billsync(database_, std::move(arguments)); }
  std::string Pack(const std::string& name) {
    const std::string directory = place_.path() + "/" + name;
    const auto made =
        Run({"export", "pack", "--period", "2023-10", "--format", "csv,jsonl,xlsx,focus", "--output", directory});
    EXPECT_EQ(made.status, 0) << made.err;
    return directory;
  }

  TestDatabase database_;
  const Workplace place_;
};

TEST_F(Exports, APackIsEveryReportAndVerifiesAgainstItsManifest) {
  const std::string pack = Pack("a");
  const auto manifest = ParsedJson(FileText(pack + "/manifest.json"));
  EXPECT_EQ(manifest["files"].Size(), 20U);
  EXPECT_EQ(Member(manifest, "period_state"), "open");
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(pack))
    if (entry.is_regular_file()) ++files;
  EXPECT_EQ(files, 21U);
  size_t beside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(place_.path())) {
    if (entry.path().filename().string().find("partial") != std::string::npos) ++beside;
  }
  EXPECT_EQ(beside, 0U) << "nothing half-made stays";
  const auto verified = Run({"export", "verify", pack});
  EXPECT_EQ(verified.status, 0) << verified.out;
}

TEST_F(Exports, VerifyNamesEveryFileThatIsNotAsTheManifestSays) {
  const std::string pack = Pack("a");
  std::string csv = FileText(pack + "/invoices-2023-10.csv");
  csv.replace(csv.find("29.00"), 5, "92.00");
  std::ofstream(pack + "/invoices-2023-10.csv", std::ios::binary) << csv;
  std::filesystem::remove(pack + "/margin-2023-10.xlsx");
  std::ofstream(pack + "/usage-2023-10.jsonl", std::ios::app) << "{}\n";
  std::ofstream(pack + "/notes.txt") << "mine";
  const auto verified = Run({"export", "verify", pack});
  EXPECT_EQ(verified.status, 3);
  for (const char* line : {"amount_usd adds up to 92.000000 USD, the manifest says 29.00",
                           "margin-2023-10.xlsx is missing", "usage-2023-10.jsonl has 2 rows, the manifest says 1",
                           "notes.txt is not in the manifest", "invoices-2023-10.csv has the SHA-256"}) {
    EXPECT_NE(verified.out.find(line), std::string::npos) << line << " is not in\n" << verified.out;
  }
  EXPECT_EQ(verified.out.find("adjustments-2023-10.csv"), std::string::npos) << verified.out;
  EXPECT_EQ(Run({"export", "verify", place_.path()}).status, 1) << "no manifest";
}

TEST_F(Exports, DiffSaysWhichRowsAndTotalsDiffer) {
  const std::string before = Pack("before");
  EXPECT_EQ(Run({"export", "diff", before, Pack("same")}).status, 0);
  AddInvoice("in_2", "11");
  database_.Run("UPDATE billing_usage SET total_cost_usd = 3.75; UPDATE users SET full_name = 'Ada, Countess'");
  const std::string after = Pack("after");
  const auto diff = Run({"export", "diff", before, after});
  EXPECT_EQ(diff.status, 3);
  EXPECT_NE(diff.out.find("added  invoices-2023-10.csv  invoice=in_2"), std::string::npos) << diff.out;
  EXPECT_NE(diff.out.find("total_cost_usd: 2.50 → 3.75"), std::string::npos) << diff.out;
  const auto json = ParsedJson(Run({"export", "diff", after, before, "--json"}).out);
  EXPECT_EQ(Member(json, "removed"), "1");
  EXPECT_EQ(Member(json, "added"), "0");
  ASSERT_GE(json["totals"].Size(), 1U);
}

TEST_F(Exports, DiffSeesAFileThatWasChangedByHand) {
  const std::string before = Pack("before"), after = Pack("after");
  std::string csv = FileText(after + "/usage-2023-10.csv");
  csv.replace(csv.find("2.50"), 4, "2.51");
  std::ofstream(after + "/usage-2023-10.csv", std::ios::binary) << csv;
  const auto diff = Run({"export", "diff", before, after});
  EXPECT_EQ(diff.status, 3);
  EXPECT_NE(diff.out.find("2.50 → 2.51"), std::string::npos) << diff.out;
}

TEST_F(Exports, APackReplacesItsOwnKindAndNothingElse) {
  const std::string pack = Pack("a");
  AddInvoice("in_2", "11");
  EXPECT_EQ(Pack("a"), pack);
  EXPECT_NE(FileText(pack + "/invoices-2023-10.csv").find("in_2"), std::string::npos);
  const auto other = Run({"export", "pack", "--period", "2023-11", "--output", pack});
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.err.find("holds the export of other months (2023-10)"), std::string::npos) << other.err;
  const auto fewer = Run({"export", "pack", "--period", "2023-10", "--format", "csv", "--output", pack});
  EXPECT_EQ(fewer.status, 1) << "the files of other formats would be gone";
  std::filesystem::create_directory(place_.path() + "/home");
  std::ofstream(place_.path() + "/home/thesis.txt") << "years of work";
  EXPECT_EQ(Run({"export", "pack", "--period", "2023-10", "--output", place_.path() + "/home"}).status, 1);
  EXPECT_EQ(FileText(place_.path() + "/home/thesis.txt"), "years of work");
}

TEST_F(Exports, ArgumentsThatMeanNothingAreRefused) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"export", "margin", "--format", "focus"},
                                             {"export", "margin", "--layout", "long"},
                                             {"export", "usage", "--user", "ada"},
                                             {"export", "usage", "--tier", "gold"},
                                             {"export", "usage", "--period", "2023-10..2023-09"},
                                             {"export", "pack", "--format", "pdf"},
                                             {"export", "verify", "/nowhere"},
                                             {"export", "diff", place_.path()}}) {
    EXPECT_EQ(Run(arguments).status, 2) << arguments[1] << " " << arguments.back();
  }
}

TEST_F(Exports, HttpHasTheSameBytesAndPages) {
  EXPECT_EQ(Run({"close", "2023-10"}).status, 0);
  RunningService service(database_.url());
  httplib::Client client("127.0.0.1", service.admin_port());
  client.set_decompress(false);
  const httplib::Headers token = {{"Authorization", std::string("Bearer ") + kOpsToken}};
  EXPECT_EQ(client.Get("/api/v1/usage?period=2023-10&format=csv")->status, 401);
  for (const char* what : {"usage&csv", "usage&xlsx", "usage&focus", "invoices&jsonl", "margin&csv",
                           "subscriptions&csv", "adjustments&csv"}) {
    const std::string name = what, report = name.substr(0, name.find('&')), format = name.substr(name.find('&') + 1);
    const auto cli = Run({"export", report, "--period", "2023-10", "--format", format, "--output", "-"});
    const std::string path = "/api/v1/" + report + "?period=2023-10&format=" + format;
    const auto answer = client.Get(path, token);
    ASSERT_EQ(answer->status, 200) << what << answer->body;
    EXPECT_TRUE(answer->body == cli.out) << what;
    EXPECT_EQ(answer->get_header_value("X-Period-State"), "closed");
    httplib::Headers again = token;
    again.emplace("If-None-Match", answer->get_header_value("ETag"));
    EXPECT_EQ(client.Get(path, again)->status, 304) << what;
    httplib::Headers gzip = token;
    gzip.emplace("Accept-Encoding", "gzip");
    EXPECT_EQ(client.Get(path, gzip)->get_header_value("Content-Encoding"), format == "xlsx" ? "" : "gzip");
  }
  const auto page = client.Get("/api/v1/invoices?period=2023-10&limit=1", token);
  const auto json = ParsedJson(page->body);
  ASSERT_EQ(json["rows"].Size(), 1U) << page->body;
  EXPECT_EQ(Member(json["rows"][0], "amount_usd"), "29.00");
  EXPECT_TRUE(json["next"].IsNull());
  EXPECT_EQ(Member(json, "as_of"), page->get_header_value("X-As-Of"));
  for (const char* report : {"usage", "invoices", "subscriptions", "margin", "adjustments"}) {
    const auto refused = client.Get(std::string("/api/v1/") + report + "?after=x", token);
    EXPECT_EQ(refused->status, 400) << report;
    EXPECT_EQ(Member(ParsedJson(refused->body), "code"), "bad_after") << report;
  }
  for (const char* path :
       {"usage?period=", "usage/explore?period=", "invoices/search?period=", "usage?period=2023", "usage?format=pdf",
        "usage?user=ada", "usage?tier=gold", "usage?limit=0", "margin?format=focus", "margin?layout=wide"}) {
    EXPECT_EQ(client.Get(std::string("/api/v1/") + path, token)->status, 400) << path;
  }
}

TEST_F(Exports, MoreDownloadsThanThereArePlacesAreToldWhenToComeAgain) {
  // More bytes than all buffers between the program and a client that reads nothing.
  database_.Run(
      "INSERT INTO users (id, email, full_name) SELECT ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, "
      "n || '@example.com', repeat('x', 250) FROM generate_series(1, 50000) n; "
      "INSERT INTO billing_usage (user_id, period_start, period_end, total_runs) SELECT id, '2023-10-01', "
      "'2023-11-01', "
      "1 FROM users WHERE id::text LIKE '00000000-0000-4000-9000-%'");
  RunningService service(database_.url());
  const std::string path = "/api/v1/usage?period=2023-10&format=csv";
  std::vector<std::thread> reading;
  std::atomic<int> under_way = 0;
  std::promise<void> enough;
  const auto until = enough.get_future().share();
  for (int i = 0; i < 3; ++i) {
    reading.emplace_back([&, until] {
      httplib::Client client("127.0.0.1", service.admin_port());
      bool first = true;
      client.Get(path, {{"Authorization", std::string("Bearer ") + kOpsToken}}, [&](const char*, size_t) {
        if (first) ++under_way;
        first = false;
        until.wait();
        return false;
      });
    });
  }
  EXPECT_TRUE(Eventually([&] { return under_way == 3; }, std::chrono::seconds(20)));
  const auto refused = Get(service.admin_port(), path, kOpsToken);
  EXPECT_EQ(refused.status, 503) << refused.body.substr(0, 200);
  EXPECT_EQ(Member(ParsedJson(refused.body.substr(0, 1000)), "code"), "too_many_exports");
  EXPECT_EQ(refused.headers.contains("retry-after") ? refused.headers.at("retry-after") : "", "5");
  enough.set_value();
  for (auto& one : reading) one.join();
  EXPECT_TRUE(Eventually([&] { return Get(service.admin_port(), path, kOpsToken).status == 200; }))
      << "a place is free again";
}

}  // namespace
}  // namespace billsync::testing
