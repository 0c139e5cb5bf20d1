#include "stage.h"

#include <gtest/gtest.h>

#include "batch.h"
#include "billsync/stripe/event.h"
#include "billsync/webhook/endpoint.h"
#include "support/written_rows.h"

namespace billsync::testing {
namespace {

// Ends the connection that runs the statement whose number is written in test_kill_at. The count is a sequence's,
// because it must not be rolled back with what it counted. Deferred triggers run inside COMMIT.
constexpr const char* kKillSwitch = R"(
CREATE SEQUENCE test_writes;
CREATE TABLE test_kill_at (write bigint);
CREATE FUNCTION test_kill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('test_writes') = (SELECT write FROM test_kill_at) THEN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(10);
  END IF;
  RETURN NULL;
END
$$;
DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
             AND (relname LIKE 'billing\_%' OR relname IN ('stripe_events', 'users')) LOOP
    EXECUTE format('CREATE TRIGGER test_kill AFTER INSERT OR UPDATE OR DELETE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION test_kill()', t);
  END LOOP;
END
$$;
CREATE CONSTRAINT TRIGGER test_kill_commit AFTER UPDATE ON stripe_events DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION test_kill())";

constexpr const char* kClear = R"(
DO $$
DECLARE t text;
BEGIN
  SELECT string_agg(quote_ident(relname), ', ') INTO t FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND (relname LIKE 'billing\_%' OR relname IN ('stripe_events', 'users', 'test_kill_at'))
    AND relname NOT LIKE 'billing\_usage%'
    AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname LIKE '%\_kept');
  EXECUTE 'TRUNCATE ' || t || ' RESTART IDENTITY CASCADE';
END
$$)";

billing::Plan PlanOf(billing::Tier tier, int32_t quota, std::vector<std::string> prices) {
  return {.tier = tier, .monthly_runs_quota = quota, .prices = std::move(prices), .products = {}, .lookup_keys = {}};
}

billing::PlanMap Plans(int version) {
  using billing::Tier;
  std::vector<std::string> pro = {"price_demo_pro_monthly"};
  std::vector<std::string> enterprise = {"price_demo_enterprise_monthly"};
  (version == 1 ? pro : enterprise).push_back("price_moved");
  if (version == 2) pro.push_back("price_new");
  return {{PlanOf(Tier::kFree, 100, {}), PlanOf(Tier::kPro, 1000, pro), PlanOf(Tier::kEnterprise, 10000, enterprise)},
          {"price_demo_seat_addon"}};
}

}  // namespace

const std::vector<std::pair<std::string, int64_t>> kStagePrices = {{"price_demo_pro_monthly", 2900},
                                                                   {"price_demo_enterprise_monthly", 29900},
                                                                   {"price_new", 4900},
                                                                   {"price_moved", 9900},
                                                                   {"price_nobody_maps", 100}};

Stage::Stage() {
  mirror.database.Run(kKillSwitch);
}

void Stage::Clear() {
  mirror.database.Run(kClear);
  plans_ = 2;
}

void Stage::Store(const std::vector<LifeEvent>& events) {
  if (events.empty()) return;
  db::ArrayColumns rows(9);
  for (const auto& event : events) {
    const auto envelope = stripe::ReadEnvelope(event.body);
    ASSERT_TRUE(envelope) << Code(envelope.error()) << " " << event.body;
    const auto ignored = webhook::IgnoreReasonOf(*envelope, std::nullopt);
    rows.AddRow(db::Params::Of(envelope->id, envelope->type, envelope->object_type, envelope->object_id,
                               envelope->customer, envelope->created, event.body, ignored ? "ignored" : "received",
                               ignored ? std::optional(std::string(Code(*ignored))) : std::nullopt));
  }
  const auto session = mirror.pool().Acquire();
  db::Transaction tx(*session);
  tx.Exec("store",
          "INSERT INTO stripe_events (id, type, object_type, object_id, customer, created, livemode, payload, status,"
          " reason, received_at) SELECT t.id, t.type, t.object_type, t.object_id, t.customer, t.created, false,"
          " t.payload, t.status, t.reason, '2026-11-20T12:00:00Z'"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],"
          " $8::text[], $9::text[]) AS t (id, type, object_type, object_id, customer, created, payload, status, reason)"
          " ON CONFLICT (id) DO NOTHING",
          rows.ToParams());
  tx.Commit();
}

void Stage::AddUser(const std::string& user_id, const std::string& customer) {
  mirror.database.Run("INSERT INTO users (id, email, stripe_customer_id) VALUES ('" + user_id + "', '" + user_id +
                      "@example.com', nullif('" + customer + "', ''))");
}

void Stage::Link(const std::string& user_id, const std::string& customer) {
  mirror.database.Run("UPDATE users SET stripe_customer_id = '" + customer + "' WHERE id = '" + user_id + "'");
}

void Stage::AddRate(const std::string& currency) {
  mirror.database.Run("INSERT INTO billing_fx_rates VALUES ('" + currency + "', '2026-01-01', 1.0825)");
}

void Stage::AdoptPlans(int version) {
  plans_ = version;
  apply::AdoptPlanMap(*mirror.pool().Acquire(), "plans " + std::to_string(version));
}

apply::ApplyOptions Stage::Options(int64_t batch) const {
  apply::ApplyOptions options;
  options.plans = Plans(plans_);
  options.batch = batch;
  return options;
}

void Stage::ApplyAll(int64_t batch) {
  apply::Applier(mirror.pool(), Options(batch), [] { return kAsOf; }).ApplyAllDue();
}

bool Stage::ApplyUntilKilled(int64_t batch, int nth) {
  mirror.database.Run("INSERT INTO test_kill_at SELECT last_value + " + std::to_string(nth) + " FROM test_writes");
  bool killed = false;
  try {
    const auto session = mirror.pool().Acquire();
    while (apply::ApplyBatch(*session, Options(batch), kAsOf, {}, nullptr).claimed > 0) {
    }
  } catch (const db::Bug&) {
    throw;
  } catch (const db::Error&) {
    killed = true;
  }
  mirror.database.Run("DELETE FROM test_kill_at");
  return killed;
}

std::string Stage::Rows() {
  return WrittenRows(mirror.database);
}

std::string Stage::Fates() {
  return mirror.database.Value(
      "SELECT coalesce(string_agg(id || ' ' || status || coalesce(' ' || reason || ' ' || coalesce(detail, ''), ''),"
      " E'\\n' ORDER BY id), '') FROM stripe_events");
}

}  // namespace billsync::testing
