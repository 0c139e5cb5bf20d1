#include "job_json.h"

#include "billsync/base/json_writer.h"

namespace billsync::admin {
namespace {

std::optional<std::string> OptTime(const std::optional<Instant>& at) {
  return at ? std::optional(FormatInstant(*at)) : std::nullopt;
}

}  // namespace

std::string ProgressJson(const std::optional<jobs::JobProgress>& progress) {
  if (!progress) return "null";
  JsonObject json;
  json.Add("what", progress->what).Add("done", progress->done).Add("total", progress->total);
  return json.Add("seconds_left", progress->seconds_left).Add("text", progress->Text()).Text();
}

std::string JobsJson(const std::vector<jobs::JobState>& jobs) {
  JsonArray list;
  for (const auto& state : jobs) {
    JsonObject job;
    job.Add("job", state.job).Add("next_due_at", FormatInstant(state.next_due_at));
    job.Add("lease_owner", state.lease_owner).Add("last_started_at", OptTime(state.last_started_at));
    job.Add("last_finished_at", OptTime(state.last_finished_at)).Add("last_ok_at", OptTime(state.last_ok_at));
    job.Add("last_seconds", state.last_seconds);
    job.Add("last_rows", state.last_rows).Add("last_error", state.last_error);
    job.Add("running", state.running).AddRaw("progress", ProgressJson(state.progress));
    list.AddRaw(job.Text());
  }
  return list.Text();
}

}  // namespace billsync::admin
