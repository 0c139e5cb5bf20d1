#include "billsync/admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <optional>

#include "admin/metrics_sql.h"
#include "billsync/base/log.h"
#include "billsync/base/version.h"
#include "billsync/usage/rollup.h"
#include "billsync/usage/verify.h"

namespace billsync::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Collects families; a family's samples are added one after the other.
class Page {
 public:
  void Family(std::string name, std::string help, MetricType type) {
    families_.push_back({std::move(name), std::move(help), type, {}});
  }
  // Adds a sample to the family begun last. Doubles here count events and seconds, never money.
  void Sample(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == MetricType::Counter) metric.counter.value = value;
    if (families_.back().type == MetricType::Gauge) metric.gauge.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  void Histogram(const webhook::InboxStats& stats) {
    ClientMetric metric;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < webhook::kBatchBounds.size(); ++i) {
      cumulative += stats.batch_sizes[i];
      metric.histogram.bucket.push_back({cumulative, static_cast<double>(webhook::kBatchBounds[i])});
    }
    metric.histogram.sample_count = stats.batches;
    metric.histogram.sample_sum = static_cast<double>(stats.batch_rows);
    families_.back().metric.push_back(std::move(metric));
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

double Number(uint64_t value) {
  return static_cast<double>(value);
}

void AddWebhook(Page& page, const MetricSources& sources) {
  const auto endpoint = sources.endpoint->Stats();
  page.Family("billsync_signatures_verified_total", "Webhook requests whose signature fitted, by secret name",
              MetricType::Counter);
  for (const auto& [secret, count] : endpoint.verified_by_secret) page.Sample(Number(count), {{"secret", secret}});
  page.Family("billsync_signature_failures_total",
              "Signatures that did not hold, by secret name; one that fits no secret counts for each",
              MetricType::Counter);
  for (const auto& [key, count] : endpoint.failed_by_secret) {
    page.Sample(Number(count), {{"code", key.second}, {"secret", key.first}});
  }
  page.Family("billsync_events_ignored_total", "Verified events that are stored and not applied, by reason",
              MetricType::Counter);
  for (const auto& [reason, count] : endpoint.ignored_by_reason) page.Sample(Number(count), {{"reason", reason}});
  page.Family("billsync_webhook_refused_total", "Webhook requests answered 400, by problem code", MetricType::Counter);
  for (const auto& [code, count] : endpoint.refused_by_code) page.Sample(Number(count), {{"code", code}});
  const auto inbox = sources.inbox->Stats();
  page.Family("billsync_events_received_total", "Verified events by what was answered", MetricType::Counter);
  page.Sample(Number(inbox.stored), {{"outcome", "stored"}});
  page.Sample(Number(inbox.duplicates), {{"outcome", "duplicate"}});
  page.Sample(Number(inbox.unavailable), {{"outcome", "unavailable"}});
  page.Sample(Number(inbox.overloaded), {{"outcome", "overloaded"}});
  page.Family("billsync_inbox_waiting", "Events waiting for a commit", MetricType::Gauge);
  page.Sample(Number(inbox.waiting));
  page.Family("billsync_commit_batch_rows", "Events committed together", MetricType::Histogram);
  page.Histogram(inbox);
}

void AddApply(Page& page, const MetricSources& sources) {
  const auto stats = sources.applier->Stats();
  page.Family("billsync_apply_attempts_total", "Attempts to apply an event, by how they ended", MetricType::Counter);
  for (const auto& [status, count] : stats.by_status) page.Sample(Number(count), {{"status", status}});
  page.Family("billsync_apply_failed_batches_total", "Batches the database refused as a whole", MetricType::Counter);
  page.Sample(Number(stats.failed_batches));
  page.Family("billsync_same_second_ties_total",
              "Attempts where only the id decided what a row is, of two differing events of one second",
              MetricType::Counter);
  page.Sample(Number(stats.ties));
  page.Family("billsync_plan_changes_total", "Users whose tier or quota changed by an event", MetricType::Counter);
  page.Sample(Number(stats.plan_changes));
  page.Family("billsync_job_failures_total", "Scheduled jobs of this process that failed", MetricType::Counter);
  page.Sample(Number(sources.scheduler->failures()));
}

void AddHttp(Page& page, const MetricSources& sources) {
  const auto http = sources.public_server->Stats();
  page.Family("billsync_http_connections", "Open connections of the public listener", MetricType::Gauge);
  page.Sample(Number(http.connections_open));
  page.Family("billsync_http_requests_pending", "Requests not yet answered", MetricType::Gauge);
  page.Sample(Number(http.requests_pending));
  page.Family("billsync_http_responses_total", "Answers by class of status", MetricType::Counter);
  page.Sample(Number(http.responses_2xx), {{"class", "2xx"}});
  page.Sample(Number(http.responses_3xx), {{"class", "3xx"}});
  page.Sample(Number(http.responses_4xx), {{"class", "4xx"}});
  page.Sample(Number(http.responses_5xx), {{"class", "5xx"}});
  page.Family("billsync_http_problems_total", "Requests the listener itself refused, by problem code",
              MetricType::Counter);
  for (const auto& [code, count] : http.problems) page.Sample(Number(count), {{"code", std::string(code)}});
  const auto pool = sources.pool->stats();
  page.Family("billsync_db_sessions", "Database sessions the pool may open", MetricType::Gauge);
  page.Sample(Number(pool.size));
  page.Family("billsync_db_sessions_in_use", "Database sessions of the pool in use", MetricType::Gauge);
  page.Sample(Number(pool.in_use));
  page.Family("billsync_db_pool_waits_total", "Times every session of the pool was taken", MetricType::Counter);
  page.Sample(Number(pool.waits));
}

double SecondsBetween(Instant from, Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

void AddEvents(Page& page, db::Session& session) {
  const auto events = apply::CountEvents(session);
  page.Family("billsync_events", "Events that are received, parked or dead, by status and reason", MetricType::Gauge);
  for (const auto& [key, count] : events.by_status_reason) {
    page.Sample(static_cast<double>(count), {{"reason", key.second}, {"status", key.first}});
  }
  page.Family("billsync_apply_backlog", "Received events not yet applied", MetricType::Gauge);
  page.Sample(static_cast<double>(events.due));
  page.Family("billsync_apply_lag_seconds", "Age of the oldest received event not yet applied", MetricType::Gauge);
  page.Sample(static_cast<double>(events.oldest_due_s));
}

void AddJobs(Page& page, db::Session& session, Instant now) {
  const auto states = jobs::ListJobs(session);
  // Not "job": Prometheus gives that name to what it scrapes.
  page.Family("billsync_job_age_seconds", "Seconds since a job last succeeded", MetricType::Gauge);
  for (const auto& state : states) {
    if (state.last_ok_at) page.Sample(SecondsBetween(*state.last_ok_at, now), {{"job_name", state.job}});
  }
  page.Family("billsync_job_failing", "1 when the last run of a job failed", MetricType::Gauge);
  for (const auto& state : states) page.Sample(state.last_error ? 1 : 0, {{"job_name", state.job}});
  page.Family("billsync_job_overdue_seconds", "Seconds a job that nobody runs has been due", MetricType::Gauge);
  for (const auto& state : states) {
    const bool waits = !state.running && state.next_due_at < now;
    page.Sample(waits ? SecondsBetween(state.next_due_at, now) : 0, {{"job_name", state.job}});
  }
}

void AddUsage(Page& page, db::Session& session) {
  const auto checks = usage::LastChecks(session);
  page.Family("billsync_usage_drift", "Differences between usage and its recomputation at the last check of each month",
              MetricType::Gauge);
  if (checks.months > 0) page.Sample(static_cast<double>(checks.drifts));
  page.Family("billsync_rollup_lag_seconds", "Age of the oldest committed change of a run not yet in billing_usage",
              MetricType::Gauge);
  page.Sample(static_cast<double>(usage::RollupLag(session).count()) / 1000);
}

// Moments as Prometheus likes them, in Unix seconds. Both queries read the end of an index or a row a month.
void AddMoments(Page& page, db::Session& session) {
  db::Transaction tx(session, {.read_only = true});
  const auto close = tx.Exec(sql::kLastClose);
  const auto event = tx.Exec(sql::kLastEvent);
  tx.Commit();
  const auto add = [&](const char* name, const char* help, const std::optional<Instant>& at) {
    page.Family(name, help, MetricType::Gauge);
    if (at) page.Sample(std::chrono::duration<double>(at->time_since_epoch()).count());
  };
  add("billsync_last_close_timestamp_seconds", "When a month was last closed", close.Only().OptAt("closed_at"));
  add("billsync_closed_until_timestamp_seconds", "The end of the newest closed month", close.Only().OptAt("until"));
  add("billsync_last_event_timestamp_seconds", "When an event was last stored", event.Only().OptAt("received_at"));
}

// What the database knows is left out when it cannot be asked.
void AddDatabase(Page& page, const MetricSources& sources) {
  std::optional<db::Pool::Lease> session;
  try {
    session.emplace(sources.pool->Acquire(std::chrono::seconds(1)));
    AddEvents(page, **session);
    AddJobs(page, **session, sources.clock());
    AddUsage(page, **session);
    AddMoments(page, **session);
  } catch (const db::Error& e) {
    Log(LogLevel::kWarning, "metrics of the database are left out", {{"error", e.what()}});
  }
  const bool up = session && !(*session)->Broken();
  page.Family("billsync_database_up", "1 when the database answered while this page was made", MetricType::Gauge);
  page.Sample(up ? 1 : 0);
}

}  // namespace

std::string MetricsPage(const MetricSources& sources) {
  Page page;
  page.Family("billsync_build_info", "1, with the version of this program", MetricType::Gauge);
  page.Sample(1, {{"version", ProgramVersion()}});
  page.Family("billsync_start_timestamp_seconds", "When this process began to count", MetricType::Gauge);
  page.Sample(std::chrono::duration<double>(sources.started.time_since_epoch()).count());
  AddWebhook(page, sources);
  AddApply(page, sources);
  AddHttp(page, sources);
  AddDatabase(page, sources);
  return page.Text();
}

}  // namespace billsync::admin
