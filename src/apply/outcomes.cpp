#include "outcomes.h"

#include "apply/apply_sql.h"

namespace billsync::apply {

void Outcomes::Park(const std::string& event_id, billing::ParkReason reason, std::string detail) {
  verdicts_.try_emplace(event_id, Verdict{"parked", std::string(Code(reason)), std::move(detail), reason});
}

void Outcomes::Ignore(const std::string& event_id, billing::IgnoreReason reason) {
  verdicts_.try_emplace(event_id, Verdict{"ignored", std::string(Code(reason)), "", std::nullopt});
}

std::map<std::string, uint64_t> Outcomes::Write(db::Transaction& tx, const std::vector<ClaimedEvent>& claimed) const {
  std::map<std::string, uint64_t> counts;
  db::ArrayColumns rows(5);
  for (const ClaimedEvent& event : claimed) {
    const auto found = verdicts_.find(event.id);
    if (found == verdicts_.end()) {
      rows.AddRow(db::Params::Of(event.id, "applied", nullptr, nullptr, 0));
      ++counts["applied"];
      continue;
    }
    Verdict verdict = found->second;
    const bool too_long = event.parked_since && now_ - *event.parked_since > billing::kParkedAtMost;
    if (verdict.status == "parked" && too_long) verdict.status = "dead";
    const int attempts = static_cast<int>(event.attempts) + 1;
    const auto wait = verdict.parked_for ? billing::BackOff(attempts, *verdict.parked_for) : std::chrono::seconds(0);
    rows.AddRow(
        db::Params::Of(event.id, verdict.status, verdict.reason, verdict.detail, static_cast<int64_t>(wait.count())));
    ++counts[verdict.status];
  }
  if (!rows.empty()) tx.Exec(sql::kSetOutcomes, rows.ToParams().Add(now_));
  return counts;
}

}  // namespace billsync::apply
