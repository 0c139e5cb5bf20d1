#include "row_values.h"

#include "invoice_rows.h"
#include "row_columns.h"
#include "subscription_rows.h"

namespace billsync::apply {
namespace {

constexpr std::string_view kLinkedUser = "the user its customer is linked to: billsync explain cus_…";
constexpr std::string_view kByRate = "in US dollars; of another currency by the rate of billing_fx_rates";
constexpr std::string_view kBySchedule = "what its schedule plans: billsync explain sub_sched_…";
constexpr std::string_view kHeld = "a higher tier that was paid for a period that still runs";
constexpr std::string_view kByPlans = "the item whose price decides the tier, by the plan map";

Text DayOf(const std::optional<Instant>& at) {
  return at ? Text(FormatInstant(*at).substr(0, 10)) : std::nullopt;
}

}  // namespace

std::vector<RowValue> RowValues(const stripe::FoldedSubscription& fold) {
  const auto& s = fold.current;
  return Columns()
      .Is("stripe_subscription_id", "id", s.id)
      .Is("stripe_customer_id", "customer", s.customer)
      .Else("user_id", kLinkedUser)
      .Of("stripe_price_id", "items", kByPlans)
      .Of("plan_tier", "items", "by the plan map")
      .Is("status", "status", s.status)
      .Of("current_period_start", "items", kByPlans)
      .Of("current_period_end", "items", kByPlans)
      .Is("cancel_at_period_end", "cancel_at_period_end", s.cancel_at_period_end)
      .Is("canceled_at", "canceled_at", s.canceled_at)
      .Is("cancel_at", "cancel_at", s.cancel_at)
      .Is("ended_at", "ended_at", s.ended_at)
      .Is("started_at", "start_date", s.start_date)
      .Is("trial_end", "trial_end", s.trial_end)
      .Is("past_due_since", "past_due_since", fold.past_due_since)
      .Is("pause_collection", "pause_collection", s.pause_collection)
      .Is("currency", "currency", s.currency)
      .Is("amount_minor", "items", fold.items_incomplete ? std::nullopt : PeriodAmount(s))
      .Of("amount_usd", "items", kByRate)
      .Else("scheduled_change_at", kBySchedule)
      .Else("scheduled_price_id", kBySchedule)
      .Else("scheduled_plan_tier", kBySchedule)
      .Else("scheduled_quantity", kBySchedule)
      .Of("held_plan_tier", "items", kHeld)
      .Of("held_until", "items", kHeld)
      .Of("hold_invoices", "latest_invoice", "of every event of a higher tier: billsync explain in_…")
      .Of("billing_interval", "items", kByPlans)
      .Of("catalog_ids", "items", "of every event")
      .Is("items_truncated", "items", fold.items_incomplete)
      .Is("billing_cycle_anchor", "billing_cycle_anchor", s.billing_cycle_anchor)
      .Is("billing_day", "billing_day", s.billing_day)
      .Else("lapse_seen_at", "when the sweep saw to what time had ended")
      .Is("livemode", "livemode", s.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::FoldedInvoice& fold) {
  const auto& i = fold.current;
  const Text status = fold.deleted ? Text("deleted") : Text(i.status.value_or("draft"));
  return Columns()
      .Is("stripe_invoice_id", "id", i.id)
      .Is("stripe_customer_id", "customer", i.customer)
      .Is("stripe_subscription_id", "subscription", i.subscription)
      .Else("user_id", kLinkedUser)
      .Is("stripe_invoice_url", "hosted_invoice_url", i.hosted_invoice_url)
      .Is("stripe_payment_intent_id", "payment_intent", i.payment_intent)
      .Is("stripe_charge_id", "charge", i.charge)
      .Is("number", "number", i.number)
      .Is("billing_reason", "billing_reason", i.billing_reason)
      .Is("status", "status", status)
      .Is("paid", "status", status == "paid")
      .Is("currency", "currency", i.currency)
      .Is("amount_minor", i.total ? "total" : "amount_due", i.total ? i.total : i.amount_due)
      .Is("amount_paid_minor", "amount_paid", i.amount_paid.value_or(0))
      .Is("amount_remaining_minor", "amount_remaining", i.amount_remaining)
      .Is("credited_by_snapshot_minor", "post_payment_credit_notes_amount", CreditedBySnapshot(i))
      .Of("credited_as_of", "post_payment_credit_notes_amount", "when the event that says it happened")
      .Of("amount_credited_minor", "post_payment_credit_notes_amount", "with later credit notes of this invoice")
      .Else("amount_refunded_minor", "refunds of this invoice's payments")
      .Of("amount_usd", "total", kByRate)
      .Of("amount_paid_usd", "amount_paid", kByRate)
      .Of("amount_credited_usd", "post_payment_credit_notes_amount", kByRate)
      .Else("amount_refunded_usd", "refunds of this invoice's payments, by the rate of billing_fx_rates")
      .Else("usd_per_unit", "billing_fx_rates; none for US dollars")
      .Is("due_date", "due_date", DayOf(i.due_date))
      .Is("issued_at", "created", i.created.value_or(fold.order.front().created))
      .Is("finalized_at", "finalized_at", i.finalized_at)
      .Is("paid_at", "paid_at", i.paid_at)
      .Is("voided_at", "voided_at", i.voided_at)
      .Is("marked_uncollectible_at", "marked_uncollectible_at", i.marked_uncollectible_at)
      .Is("attempt_count", "attempt_count", i.attempt_count)
      .Is("next_payment_attempt", "next_payment_attempt", i.next_payment_attempt)
      .Is("deleted", "id", fold.deleted)
      .Is("livemode", "livemode", i.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::FoldedCustomer& fold) {
  return Columns()
      .Is("stripe_customer_id", "id", fold.current.id)
      .Else("user_id", "see the link")
      .Else("linked_by", "see the link")
      .Else("linked_at", "when the link was made")
      .Else("metadata_user_id", "of releases before billing_customer_evidence")
      .Else("reference_user_id", "of releases before billing_customer_evidence")
      .Is("email", "email", fold.current.email)
      .Is("deleted", "id", fold.deleted)
      .Values();
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::CatalogPrice>& fold) {
  const auto& p = fold.current;
  return Columns()
      .Is("price_id", "id", p.price.id)
      .Is("product_id", "product", p.price.product)
      .Is("nickname", "nickname", p.nickname)
      .Is("currency", "currency", p.price.currency)
      .Is("unit_amount", "unit_amount", p.price.unit_amount)
      .Is("unit_amount_decimal", "unit_amount_decimal", p.price.unit_amount_decimal)
      .Is("billing_interval", "interval", p.price.interval)
      .Of("interval_count", "interval_count", "none for one-time prices")
      .Is("metered", "metered", p.price.metered)
      .Is("tiered", "tiered", p.price.tiered)
      .Is("lookup_key", "lookup_key", p.price.lookup_key)
      .Else("past_lookup_keys", "of older events")
      .Is("plan_tier", "plan_tier", p.price.plan_tier)
      .Is("active", "active", p.active)
      .Is("deleted", "id", fold.deleted)
      .Is("livemode", "livemode", p.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::Product>& fold) {
  const auto& p = fold.current;
  return Columns()
      .Is("product_id", "id", p.id)
      .Is("name", "name", p.name)
      .Is("plan_tier", "plan_tier", p.plan_tier)
      .Is("active", "active", p.active)
      .Is("deleted", "id", fold.deleted)
      .Is("livemode", "livemode", p.livemode)
      .OfEvents(fold);
}

std::vector<RowValue> RowValues(const stripe::Folded<stripe::SubscriptionSchedule>& fold) {
  const auto& s = fold.current;
  return Columns()
      .Is("schedule_id", "id", s.id)
      .Is("stripe_customer_id", "customer", s.customer)
      .Of("stripe_subscription_id", "subscription", "or the one it was released from")
      .Is("status", "status", s.status)
      .Is("current_phase_start", "current_phase_start", s.current_phase_start)
      .Is("current_phase_end", "current_phase_end", s.current_phase_end)
      .Is("end_behavior", "end_behavior", s.end_behavior)
      .Of("phases", "phases", "our own rendering")
      .Is("livemode", "livemode", s.livemode)
      .OfEvents(fold);
}

}  // namespace billsync::apply
