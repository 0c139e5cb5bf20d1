// What people page on: /metrics, and the alerts and the dashboard that read it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "e2e/commands.h"
#include "e2e/metrics_page.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kAlerts = "config/alerts.yml";
constexpr const char* kDashboard = "config/grafana-dashboard.json";

struct Verdict {
  int status;
  std::string out;
};

// tests/e2e/monitoring_check.py on a page and two files.
Verdict Check(const std::string& page, const std::string& alerts, const std::string& dashboard) {
  const std::string line = "python3 '" BILLSYNC_SOURCE_DIR "/tests/e2e/monitoring_check.py' '" + page + "' '" + alerts +
                           "' '" + dashboard + "' 2>&1";
  FILE* pipe = ::popen(line.c_str(), "r");
  Verdict verdict{-1, ""};
  std::array<char, 4096> piece{};
  while (pipe != nullptr && std::fgets(piece.data(), piece.size(), pipe) != nullptr) verdict.out += piece.data();
  if (pipe != nullptr) verdict.status = ::pclose(pipe);
  return verdict;
}

std::string Replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

class Monitoring : public ::testing::Test {
 protected:
  // Something of everything, so that every metric with labels has samples.
  void SetUp() override {
    const std::string parked = SubscriptionEvent("evt_1", "sub_1", "cus_nobody");
    const std::string ignored = Event("evt_2", "setup_intent.succeeded", R"({"id":"seti_1","object":"setup_intent"})");
    for (const auto& body : {parked, parked, ignored}) {
      ASSERT_EQ(PostEvent(service_.port(), body, SignIndependently(body)).status, 200);
    }
    EXPECT_EQ(PostEvent(service_.port(), parked, SignIndependently(parked, "whsec_another", Now())).status, 400);
    EXPECT_EQ(PostEvent(service_.port(), parked, SignIndependently(parked, kSecret, Now() - 4000)).status, 400);
    EXPECT_EQ(PostEvent(service_.port(), parked, "").status, 400);
    ASSERT_TRUE(Eventually(
        [&] { return Metric(service_, R"(billsync_events{reason="unknown_customer",status="parked"})") == "1"; }));
    ASSERT_TRUE(Eventually([&] { return Metric(service_, R"(billsync_job_age_seconds{job_name="close"})") != ""; }));
  }

  std::string Page() { return Get(service_.admin_port(), "/metrics", kOpsToken).body; }

  TestDatabase database_;
  RunningService service_{database_.url(),
                          {{"STRIPE_WEBHOOK_SECRET", std::string("old=whsec_of_last_year,new=") + kSecret}}};
  Workplace place_;
};

TEST_F(Monitoring, AlertsAndDashboardNameOnlyMetricsThatExist) {
  const std::string page = place_.Put("page", Page());
  const auto verdict = Check(page, kAlerts, kDashboard);
  EXPECT_EQ(verdict.status, 0) << verdict.out;
}

TEST_F(Monitoring, AMisspeltMetricOrLabelIsFound) {
  const std::string page = place_.Put("page", Page());
  const auto misspelt = [&](const char* file, const std::string& what, const std::string& by) {
    return place_.Put("wrong", Replaced(ReadSource(file), what, by));
  };
  const auto rule =
      Check(page, misspelt(kAlerts, "max(billsync_apply_lag_seconds", "max(billsync_aply_lag_seconds"), kDashboard);
  EXPECT_THAT(rule.out, HasSubstr("BillsyncApplyLag: no such metric: billsync_aply_lag_seconds"));
  EXPECT_NE(rule.status, 0);
  const auto label = Check(page, misspelt(kAlerts, "sum by (code)", "sum by (cause)"), kDashboard);
  EXPECT_THAT(label.out, HasSubstr("no metric of it has the label cause"));
  const auto panel = Check(page, kAlerts, misspelt(kDashboard, "max(billsync_usage_drift)", "max(billsync_drift)"));
  EXPECT_THAT(panel.out, HasSubstr("Usage drift: no such metric: billsync_drift"));
  EXPECT_NE(panel.status, 0);
}

TEST_F(Monitoring, ASignatureFailureIsCountedForTheSecretItConcerns) {
  const std::string page = Page();
  const auto failures = [&](const std::string& secret, const std::string& code) {
    return MetricOf(page,
                    "billsync_signature_failures_total{code=\"signature_" + code + "\",secret=\"" + secret + "\"}");
  };
  // No secret fits: it may be either that is wrong.
  EXPECT_EQ(failures("old", "mismatch"), "1");
  EXPECT_EQ(failures("new", "mismatch"), "1");
  // Too old, but of the new one beyond doubt.
  EXPECT_EQ(failures("old", "too_old"), "0");
  EXPECT_EQ(failures("new", "too_old"), "1");
  EXPECT_EQ(failures("new", "from_the_future"), "0");
  EXPECT_EQ(MetricOf(page, "billsync_signatures_verified_total{secret=\"old\"}"), "0");
  EXPECT_EQ(MetricOf(page, "billsync_signatures_verified_total{secret=\"new\"}"), "3");
  EXPECT_EQ(MetricOf(page, "billsync_webhook_refused_total{code=\"signature_missing\"}"), "1");
  EXPECT_EQ(MetricOf(page, "billsync_events_ignored_total{reason=\"type_not_used\"}"), "1");
}

TEST_F(Monitoring, ATieOfOneSecondIsCounted) {
  AddUser(database_, 1, "ada", "cus_1");
  const int64_t second = Now();
  for (const auto& [id, status] : std::map<std::string, std::string>{{"evt_a", "active"}, {"evt_b", "past_due"}}) {
    const std::string body = SubscriptionEvent(id, "sub_tied", "cus_1", status, second);
    ASSERT_EQ(PostEvent(service_.port(), body, SignIndependently(body)).status, 200);
  }
  ASSERT_TRUE(Eventually(
      [&] { return database_.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied'") == "2"; }));
  // One, or two when the batch that took the first event saw the second one too.
  const auto ties = [&] { return Metric(service_, "billsync_same_second_ties_total"); };
  EXPECT_TRUE(Eventually([&] { return ties() == "1" || ties() == "2"; })) << ties();
  const std::string before = ties();
  const std::string later = SubscriptionEvent("evt_c", "sub_tied", "cus_1", "active", second + 1);
  ASSERT_EQ(PostEvent(service_.port(), later, SignIndependently(later)).status, 200);
  ASSERT_TRUE(Eventually(
      [&] { return database_.Value("SELECT count(*) FROM stripe_events WHERE status = 'applied'") == "3"; }));
  EXPECT_EQ(ties(), before);
}

TEST_F(Monitoring, JobsAndTheLastCloseAreTold) {
  EXPECT_EQ(Metric(service_, "billsync_job_failing{job_name=\"close\"}"), "0");
  EXPECT_EQ(MetricOf(Page(), "billsync_last_close_timestamp_seconds"), "");
  ASSERT_EQ(Billsync(database_, {"close", "2023-10"}).status, 0);
  const std::string page = Page();
  EXPECT_NEAR(std::stod(MetricOf(page, "billsync_last_close_timestamp_seconds")), static_cast<double>(Now()), 60);
  EXPECT_EQ(std::stod(MetricOf(page, "billsync_closed_until_timestamp_seconds")), 1698796800.0);  // 2023-11-01
  EXPECT_NEAR(std::stod(MetricOf(page, "billsync_last_event_timestamp_seconds")), static_cast<double>(Now()), 60);
}

}  // namespace
}  // namespace billsync::testing
