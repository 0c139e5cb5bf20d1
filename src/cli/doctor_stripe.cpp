#include <httplib.h>

#include <map>
#include <sstream>

#include "billsync/app/job_list.h"
#include "billsync/base/parse.h"
#include "cli/doctor_sql.h"
#include "doctor.h"

namespace billsync::cli {
namespace {

constexpr std::chrono::hours kSilent{24};
// A catalog may have thousands of old prices: the first ones tell what is wrong.
constexpr size_t kListedPrices = 10;

std::string AgeText(std::chrono::microseconds age) {
  const auto minutes = std::chrono::floor<std::chrono::minutes>(age).count();
  if (minutes < 120) return std::to_string(minutes) + " minutes";
  return minutes < 2 * 24 * 60 ? std::to_string(minutes / 60) + " hours" : std::to_string(minutes / 60 / 24) + " days";
}

// `billsync_signatures_verified_total{secret="new"} 12` → "new": 12, added up over the other labels.
std::map<std::string, double> BySecret(const std::string& page, const std::string& metric) {
  std::map<std::string, double> sums;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(metric + "{")) continue;
    const std::string label = "secret=\"";
    const size_t from = line.find(label);
    const size_t end = from == std::string::npos ? from : line.find('"', from + label.size());
    if (end == std::string::npos) continue;
    sums[line.substr(from + label.size(), end - from - label.size())] +=
        std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return sums;
}

// The page of /metrics at the configured address, or why there is none.
struct MetricsAnswer {
  int status = 0;  // 0: nobody answers
  std::string page;
};

MetricsAnswer AskServe(const app::Config& config) {
  httplib::Client client("http://" + config.admin_listen);
  client.set_connection_timeout(std::chrono::seconds(2));
  client.set_read_timeout(std::chrono::seconds(2));
  client.set_bearer_token_auth(config.admin_tokens.front().secret.Reveal().c_str());
  const auto answer = client.Get("/metrics");
  return answer ? MetricsAnswer{answer->status, answer->body} : MetricsAnswer{};
}

void JudgeSecrets(const std::string& page, Findings& findings) {
  constexpr std::string_view kStarted = "\nbillsync_start_timestamp_seconds ";
  const size_t at = page.find(kStarted);
  const double started = at == std::string::npos ? 0 : std::strtod(page.c_str() + at + kStarted.size(), nullptr);
  const std::chrono::seconds up{UnixSeconds(SystemNow()) - static_cast<int64_t>(started)};
  auto failed = BySecret(page, "billsync_signature_failures_total");
  const auto verified = BySecret(page, "billsync_signatures_verified_total");
  double any = 0;
  for (const auto& [secret, count] : verified) any += count;
  for (const auto& [secret, count] : verified) {
    if (count == 0 && any == 0 && failed[secret] > 0) {
      findings.Fault(
          "secrets", "no signature fits: not one since serve started, refused because of '" + secret + "'",
          "copy the endpoint's signing secret from Stripe's dashboard into STRIPE_WEBHOOK_SECRET, restart serve");
    } else if (count == 0 && any > 0 && up > kSilent) {
      findings.Warning("secrets", "webhook secret '" + secret + "' has verified nothing for " + AgeText(up),
                       "take it out of STRIPE_WEBHOOK_SECRET, if the rotation is over");
    }
  }
}

void JudgeVersions(const db::Result& rows, const app::Config& config, Findings& findings) {
  std::string versions;
  bool live = false, test = false;
  for (const db::Row row : rows) {
    versions += (versions.empty() ? "" : ", ") + row.Text("api_version") + " (" + row.Text("events") + ")";
    live = live || row.Bool("live");
    test = test || row.Bool("test");
  }
  if (!versions.empty()) findings.Ok("endpoint", "API versions of the last events: " + versions);
  if (live && test && config.livemode == app::Livemode::kAny) {
    findings.Warning("endpoint", "events of live mode and of test mode come in, and both change users",
                     "set BILLSYNC_LIVEMODE=true on the database that is live");
  }
}

struct UnmappedPrice {
  std::string id, what;
};

void ListUnmapped(const std::vector<UnmappedPrice>& prices, Findings& findings) {
  for (size_t i = 0; i < prices.size() && i < kListedPrices; ++i) {
    findings.Warning("plan map", "no plan maps " + prices[i].id + prices[i].what,
                     "add it to prices of a [[plan]] or to add_ons, and restart serve");
  }
  if (prices.size() > kListedPrices) {
    findings.Warning("plan map", "nor " + std::to_string(prices.size() - kListedPrices) + " prices more",
                     "SELECT price_id, nickname FROM billing_prices WHERE active AND NOT deleted");
  }
}

billing::PriceFacts FactsOf(const db::Row& row) {
  billing::PriceFacts facts{row.Text("price_id"), row.OptText("product_id"), row.OptText("lookup_key"),
                            row.OptText("plan_tier")};
  facts.product_tier = row.OptText("product_tier");
  return facts;
}

}  // namespace

void ExamineEndpoint(db::Session& session, const app::Config& config, Findings& findings) {
  findings.Ok("Stripe's API", config.stripe_api_key.Empty()
                                  ? "STRIPE_API_KEY is not set; all that is here works without it"
                                  : "STRIPE_API_KEY is set; it is not tried here");
  db::Transaction tx(session, {.read_only = true});
  const auto newest = tx.Exec(sql::kNewestEvent);
  const auto versions = tx.Exec(sql::kRecentVersions);
  tx.Commit();
  const auto at = newest.Only().OptAt("received_at");
  const std::string dashboard =
      "look at the endpoint in Stripe's dashboard: enabled, right address, right events? to try ours: billsync send "
      "FILE";
  if (!at) {
    findings.Ok("endpoint", "no event has come yet");
  } else if (SystemNow() - *at > kSilent) {
    findings.Warning("endpoint", "the last event came " + AgeText(SystemNow() - *at) + " ago", dashboard);
  } else {
    findings.Ok("endpoint", "the last event came " + AgeText(SystemNow() - *at) + " ago");
  }
  JudgeVersions(versions, config, findings);
}

void ExamineRunningServe(const app::Config& config, Findings& findings) {
  if (config.admin_tokens.empty() || config.admin_listen.ends_with(":0")) return;
  const auto answer = AskServe(config);
  if (answer.status == 200) {
    findings.Ok("serve", "answers at " + config.admin_listen);
    JudgeSecrets(answer.page, findings);
  } else if (answer.status == 0) {
    findings.Ok("serve", "none answers at " + config.admin_listen + " from here");
  } else {
    findings.Warning("serve",
                     "who answers at " + config.admin_listen + " refuses the token (" + std::to_string(answer.status) +
                         "): another configuration, or another program",
                     "compare BILLSYNC_ADMIN_TOKEN and BILLSYNC_ADMIN_LISTEN with those of serve, and restart it");
  }
}

void ExaminePlanMap(db::Session& session, const app::Config& config, Findings& findings) {
  const billing::PlanMap plans(config.plans, config.add_ons);
  db::Transaction tx(session, {.read_only = true});
  const auto in_force = tx.Exec(sql::kPlanMapInForce);
  const auto sold = tx.Exec(sql::kUnknownItems);
  const auto catalog = tx.Exec(sql::kCatalogPrices);
  tx.Commit();
  if (!in_force.empty() && in_force[0].Text("fingerprint") != app::PlanFingerprint(config)) {
    findings.Warning(
        "plan map",
        "the plan map in force since " + FormatInstant(in_force[0].At("adopted_at")).substr(0, 16) + "Z is another one",
        "restart billsync serve with this configuration, or run doctor with serve's (--config)");
  }
  std::vector<UnmappedPrice> unmapped;
  size_t seen = 0;
  for (const db::Row row : sold) {
    unmapped.push_back({row.Text("price_id"), ", which " + row.Text("subscriptions") + " running subscriptions have"});
  }
  for (const db::Row row : catalog) {
    ++seen;
    if (!std::holds_alternative<billing::UnknownPrice>(plans.Meaning(FactsOf(row)))) continue;
    if (row.Bool("sold")) continue;  // told of above
    unmapped.push_back({row.Text("price_id"), ", an active price of the catalog" +
                                                  (row.IsNull("nickname") ? "" : " (" + row.Text("nickname") + ")") +
                                                  ": who buys it keeps the tier of before"});
  }
  ListUnmapped(unmapped, findings);
  if (unmapped.empty()) {
    findings.Ok("plan map", seen == 0 ? "no price of Stripe's catalog is known yet"
                                      : "each of the " + std::to_string(seen) + " active prices known has a meaning");
  }
}

}  // namespace billsync::cli
