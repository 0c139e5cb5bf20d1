// PostgreSQL stopped, hanging, and back: never 2xx on doubt, and no restart needed.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "e2e/commands.h"
#include "e2e/json_text.h"
#include "e2e/metrics_page.h"
#include "e2e/private_cluster.h"
#include "e2e/sample_events.h"

namespace billsync::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Also shows `doctor` a server as it should be: this cluster, unlike that of the other tests, flushes to disk.
class DatabaseAway : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<PrivateCluster>();
    const auto migrated = Billsync(cluster_->url(), {"migrate"});
    ASSERT_EQ(migrated.status, 0) << migrated.out << migrated.err;
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  struct Timed {
    PostResult answer;
    milliseconds took;
  };
  static Timed PostCustomer(const RunningService& service, const std::string& id) {
    const std::string body = Event(id, "customer.created", R"({"id":"cus_1","object":"customer"})");
    const std::string signature = SignIndependently(body);
    const auto begin = std::chrono::steady_clock::now();
    auto answer = PostEvent(service.port(), body, signature);
    return {std::move(answer), std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin)};
  }

  // 503 with Retry-After: promptly, because the sender waits. 900 ms is what the program allows itself.
  static void ExpectUnavailable(const RunningService& service, const std::string& id) {
    const auto [answer, took] = PostCustomer(service, id);
    EXPECT_EQ(answer.status, 503) << answer.body;
    ASSERT_TRUE(answer.headers.contains("retry-after"));
    EXPECT_EQ(Member(ParsedJson(answer.body), "code"), "database_unavailable");
    EXPECT_LT(took, milliseconds(1200));
  }

  static void ExpectNotReadyButUp(const RunningService& service) {
    EXPECT_TRUE(Eventually([&] { return Get(service.port(), "/readyz").status == 503; }, seconds(6)));
    const auto answer = Get(service.port(), "/readyz");
    EXPECT_TRUE(answer.headers.contains("retry-after"));
    EXPECT_EQ(Member(ParsedJson(answer.body), "code"), "not_ready");
    EXPECT_EQ(Get(service.port(), "/healthz").status, 200);
  }

  static void ExpectServingAgain(const RunningService& service, const std::string& id) {
    EXPECT_TRUE(Eventually([&] { return PostCustomer(service, id).answer.status == 200; }, seconds(10)));
    EXPECT_TRUE(Eventually([&] { return Get(service.port(), "/readyz").status == 200; }, seconds(6)));
    EXPECT_TRUE(Eventually([&] { return Status(id) == "applied"; }, seconds(6))) << Status(id);
  }

  static std::string Status(const std::string& id) {
    return cluster_->Value("SELECT status FROM stripe_events WHERE id = '" + id + "'");
  }

  static std::unique_ptr<PrivateCluster> cluster_;
};
std::unique_ptr<PrivateCluster> DatabaseAway::cluster_;

TEST_F(DatabaseAway, AStoppedServerIsA503UntilItIsBack) {
  RunningService service(cluster_->url());
  ASSERT_EQ(PostCustomer(service, "evt_before_stop").answer.status, 200);
  cluster_->Stop();
  ExpectUnavailable(service, "evt_while_stopped");
  ExpectUnavailable(service, "evt_while_stopped");
  ExpectNotReadyButUp(service);
  EXPECT_EQ(Metric(service, "billsync_database_up"), "0");
  EXPECT_EQ(Get(service.admin_port(), "/api/v1/events", kOpsToken).status, 503);
  cluster_->Start();
  ExpectServingAgain(service, "evt_after_stop");
  EXPECT_EQ(Status("evt_while_stopped"), "");  // it was answered 503: Stripe sends it again
  EXPECT_EQ(PostCustomer(service, "evt_while_stopped").answer.status, 200);
  EXPECT_EQ(Metric(service, "billsync_database_up"), "1");
}

TEST_F(DatabaseAway, AServerThatHangsIsA503Too) {
  RunningService service(cluster_->url());
  ASSERT_EQ(PostCustomer(service, "evt_before_hang").answer.status, 200);
  cluster_->Suspend();
  ExpectUnavailable(service, "evt_while_hanging");  // on the open session, which nobody answers
  ExpectUnavailable(service, "evt_while_hanging");
  ExpectNotReadyButUp(service);
  cluster_->Resume();
  ExpectServingAgain(service, "evt_after_hang");
  // Answered 503 and perhaps committed when the server woke: sent again it is there, once.
  EXPECT_EQ(PostCustomer(service, "evt_while_hanging").answer.status, 200);
  EXPECT_EQ(cluster_->Value("SELECT count(*) FROM stripe_events WHERE id = 'evt_while_hanging'"), "1");
}

TEST_F(DatabaseAway, AStopDoesNotWaitForAServerThatHangs) {
  RunningService service(cluster_->url());
  ASSERT_EQ(PostCustomer(service, "evt_before_last_hang").answer.status, 200);
  cluster_->Suspend();
  ExpectUnavailable(service, "evt_in_last_hang");
  service.program().Signal(SIGTERM);
  const auto result = service.program().Wait(seconds(12));
  cluster_->Resume();
  EXPECT_EQ(result.status, 1);  // not as it should be, but an end
  EXPECT_NE(result.err.find("the stop hangs"), std::string::npos) << result.err;
}

TEST_F(DatabaseAway, AProgramStartedBeforeItsDatabaseServesOnceThatIsThere) {
  cluster_->Stop();
  RunningService service(cluster_->url());
  ExpectUnavailable(service, "evt_early");
  ExpectNotReadyButUp(service);
  cluster_->Start();
  ExpectServingAgain(service, "evt_late");
}

TEST_F(DatabaseAway, CommandsSayThatTheDatabaseIsAway) {
  cluster_->Stop();
  const auto list = Billsync(cluster_->url(), {"events", "list"});
  EXPECT_EQ(list.status, 1);
  EXPECT_NE(list.err.find("the database cannot be reached"), std::string::npos) << list.err;
  const auto doctor = Billsync(cluster_->url(), {"doctor"});
  EXPECT_EQ(doctor.status, 3);
  EXPECT_NE(doctor.out.find("check DATABASE_URL"), std::string::npos) << doctor.out;
  cluster_->Start();
  const auto healthy =
      Billsync(cluster_->url(), {"doctor"},
               {{"BILLSYNC_ADMIN_TOKEN", "ops=0123456789abcdef"}, {"BILLSYNC_ADMIN_LISTEN", "127.0.0.1:1"}});
  EXPECT_EQ(healthy.status, 0) << healthy.out;
}

}  // namespace
}  // namespace billsync::testing
