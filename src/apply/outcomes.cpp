#include "outcomes.h"

#include "apply/apply_sql.h"

namespace billsync::apply {

void Outcomes::Park(const std::string& event_id, billing::ParkReason reason, std::string detail) {
  verdicts_.try_emplace(event_id, Verdict{"parked", std::string(Code(reason)), std::move(detail)});
}

void Outcomes::Ignore(const std::string& event_id, billing::IgnoreReason reason) {
  verdicts_.try_emplace(event_id, Verdict{"ignored", std::string(Code(reason)), ""});
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
    if (verdict.status == "parked" && now_ - event.received_at > billing::kParkedAtMost) verdict.status = "dead";
    const auto wait = billing::BackOff(static_cast<int>(event.attempts) + 1);
    rows.AddRow(
        db::Params::Of(event.id, verdict.status, verdict.reason, verdict.detail, static_cast<int64_t>(wait.count())));
    ++counts[verdict.status];
  }
  if (!rows.empty()) tx.Exec(sql::kSetOutcomes, rows.ToParams());
  return counts;
}

}  // namespace billsync::apply
