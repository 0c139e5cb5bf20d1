// The columns of every listing: one place for their names, types, titles and meanings.
#pragma once

#include <array>

#include "billsync/admin/listing.h"

namespace billsync::admin::columns {

inline constexpr Column kUserId{"user_id", Kind::kUser, "User", "users.id"};
inline constexpr Column kEmail{"email", Kind::kEmail, "User", "The user's e-mail address"};
inline constexpr Column kTier{"plan_tier", Kind::kStatus, "Tier", "free, pro or enterprise"};
inline constexpr Column kCustomer{"customer", Kind::kObject, "Customer", "Stripe's customer"};
inline constexpr Column kSubscription{"subscription_id", Kind::kObject, "Subscription", "Stripe's subscription"};
inline constexpr Column kRefetch{"needs_refetch", Kind::kFlag, "Unsure",
                                 "Two events of one second could not be ordered; Stripe's API should be asked"};
inline constexpr Column kRuns{"total_runs", Kind::kDecimal, "Runs", "Completed runs"};
inline constexpr Column kFailedRuns{"failed_runs", Kind::kDecimal, "Failed", "Failed runs"};
inline constexpr Column kCancelledRuns{"cancelled_runs", Kind::kDecimal, "Cancelled", "Cancelled runs"};
inline constexpr Column kUnpricedRuns{"unpriced_runs", Kind::kDecimal, "Unpriced", "Ended runs without a usable cost"};
inline constexpr Column kTokens{"total_tokens", Kind::kDecimal, "Tokens", "Tokens of all ended runs"};
inline constexpr Column kCost{"total_cost_usd", Kind::kUsd, "Cost", "Cost in US dollars, whole cents"};
inline constexpr Column kExactCost{"total_cost_exact_usd", Kind::kDecimal, "Exact USD", "Cost in US dollars, exact"};

inline constexpr std::array kUsers{
    kUserId,
    kEmail,
    Column{"full_name", Kind::kText, "Name", "The user's name"},
    kTier,
    Column{"monthly_runs_used", Kind::kInteger, "Used", "Completed runs of the current quota period"},
    Column{"monthly_runs_quota", Kind::kInteger, "Quota", "Runs a quota period allows; null: no limit"},
    Column{"quota_reset_date", Kind::kDay, "Resets", "When the next quota period begins, UTC"},
    Column{"stripe_customer_id", Kind::kObject, "Customer", "users.stripe_customer_id"},
    Column{"created_at", Kind::kTime, "Since", "When the account was made"},
    Column{"deleted", Kind::kFlag, "Deleted", "The account is deleted"}};

inline constexpr std::array kInvoices{
    Column{"invoice_id", Kind::kObject, "Invoice", "Stripe's invoice"},
    Column{"number", Kind::kText, "Number", "The number the customer sees"},
    kUserId,
    kEmail,
    Column{"status", Kind::kStatus, "Status", "draft, open, paid, uncollectible or void"},
    Column{"issued_at", Kind::kTime, "Issued", "When Stripe created it"},
    Column{"paid_at", Kind::kTime, "Paid on", "When it was paid"},
    Column{"currency", Kind::kText, "Currency", "ISO code"},
    Column{"amount_minor", Kind::kInteger, "Amount", "Total in Stripe's minor units of the currency"},
    Column{"amount_usd", Kind::kUsd, "Total USD", "Total in US dollars"},
    Column{"amount_paid_usd", Kind::kUsd, "Paid USD", "Paid, in US dollars"},
    Column{"amount_refunded_usd", Kind::kUsd, "Refunded", "Refunded, in US dollars"},
    Column{"amount_credited_usd", Kind::kUsd, "Credited", "Credited by credit notes, in US dollars"},
    kCustomer,
    kSubscription,
    kRefetch};

inline constexpr std::array kSubscriptions{
    kSubscription,
    kUserId,
    kEmail,
    kTier,
    Column{"status", Kind::kStatus, "Status", "Stripe's status"},
    Column{"currency", Kind::kText, "Currency", "ISO code"},
    Column{"amount_minor", Kind::kInteger, "Price", "Price of one period in Stripe's minor units; null: left open"},
    Column{"amount_usd", Kind::kUsd, "USD", "Price of one period in US dollars"},
    Column{"interval", Kind::kText, "Per", "day, week, month or year"},
    Column{"started_at", Kind::kTime, "Started", "When it began"},
    Column{"current_period_end", Kind::kTime, "Period ends", "When the paid period ends"},
    Column{"cancel_at_period_end", Kind::kFlag, "Ends then", "It is cancelled at the period's end"},
    Column{"cancel_at", Kind::kTime, "Cancels on", "When it will be cancelled"},
    Column{"scheduled_plan_tier", Kind::kStatus, "Becomes", "The tier a schedule will change it to"},
    Column{"scheduled_change_at", Kind::kTime, "Changes on", "When the schedule changes it"},
    kCustomer,
    kRefetch};

inline constexpr std::array kUsageTotals{Column{"users", Kind::kInteger, "Users", "Users with usage"},
                                         kRuns,
                                         kFailedRuns,
                                         kCancelledRuns,
                                         kUnpricedRuns,
                                         kTokens,
                                         kCost,
                                         kExactCost};
inline constexpr std::array kUsageModels{
    Column{"model", Kind::kText, "Model", "model_used of the runs; unknown for none"},
    Column{"completed_runs", Kind::kDecimal, "Runs", "Completed runs"},
    kFailedRuns,
    kCancelledRuns,
    kUnpricedRuns,
    Column{"tokens", Kind::kDecimal, "Tokens", "Tokens of all ended runs"},
    Column{"cost_usd", Kind::kDecimal, "Exact cost USD", "Cost in US dollars, exact"}};
inline constexpr std::array kUsageDays{Column{"day", Kind::kDay, "Day", "UTC"},
                                       Column{"model", Kind::kText, "Model", "model_used of the runs"},
                                       Column{"completed_runs", Kind::kDecimal, "Runs", "Completed runs"},
                                       Column{"tokens", Kind::kDecimal, "Tokens", "Tokens of all ended runs"},
                                       Column{"cost_usd", Kind::kUsd, "Cost", "Cost in US dollars, exact"}};
inline constexpr std::array kUsageUsers{kUserId, kEmail, kTier, kRuns, kFailedRuns, kTokens, kCost, kExactCost};
inline constexpr std::array kUsageOfUser{Column{"period", Kind::kMonth, "Month", "UTC"}, kRuns, kFailedRuns, kTokens,
                                         kCost};

inline constexpr std::array kPeriods{
    Column{"period", Kind::kMonth, "Month", "UTC"},
    Column{"state", Kind::kStatus, "State", "open or closed"},
    Column{"users", Kind::kInteger, "Users", "Users with usage"},
    kRuns,
    kTokens,
    kCost,
    Column{"adjustments", Kind::kInteger, "Adjustments", "Corrections of this month, booked in later ones"},
    Column{"adjusted_usd", Kind::kUsd, "Adjusted", "What they add up to"},
    Column{"closed_at", Kind::kTime, "Closed", "When it was frozen"},
    Column{"closed_by", Kind::kText, "By", "Who closed it"},
    Column{"usage_sha256", Kind::kText, "SHA-256", "Digest of the frozen rows"},
    Column{"drifts", Kind::kInteger, "Drift", "Differences the last verification found; null: not verified yet"},
    Column{"checked_at", Kind::kTime, "Verified", "When it was last verified"}};
inline constexpr std::array kAdjustments{
    Column{"id", Kind::kInteger, "Id", "billing_adjustments.id"},
    Column{"kind", Kind::kStatus, "Kind", "usage: by late runs; manual: by a person"},
    kUserId,
    kEmail,
    Column{"origin_period", Kind::kMonth, "Corrects", "The closed month"},
    Column{"booked_period", Kind::kMonth, "Booked in", "The month that was open"},
    kRuns,
    Column{"amount_usd", Kind::kUsd, "Amount", "Signed, whole cents"},
    Column{"reason", Kind::kText, "Reason", "Why"},
    Column{"booked_by", Kind::kText, "By", "Who booked it"},
    Column{"booked_at", Kind::kTime, "Booked", "When"}};
inline constexpr std::array kAdjustmentsOfUser{
    Column{"id", Kind::kInteger, "Id", "billing_adjustments.id"},
    Column{"origin_period", Kind::kMonth, "Corrects", "The closed month"},
    Column{"booked_period", Kind::kMonth, "Booked in", "The month that was open"},
    Column{"amount_usd", Kind::kUsd, "Amount", "Signed, whole cents"},
    Column{"reason", Kind::kText, "Reason", "Why"},
    Column{"booked_by", Kind::kText, "By", "Who booked it"}};

inline constexpr std::array kJobRuns{Column{"id", Kind::kInteger, "Id", "billing_job_runs.id"},
                                     Column{"job", Kind::kText, "Job", "Its name"},
                                     Column{"started_at", Kind::kTime, "Started", "When it began"},
                                     Column{"seconds", Kind::kDecimal, "Seconds", "How long it took"},
                                     Column{"status", Kind::kStatus, "Outcome", "done, failed or abandoned"},
                                     Column{"trigger", Kind::kText, "Asked by", "schedule or manual"},
                                     Column{"rows", Kind::kInteger, "Rows", "Rows it changed"},
                                     Column{"detail", Kind::kText, "What it did", "A line for a person"},
                                     Column{"error", Kind::kText, "Error", "Why it failed"},
                                     Column{"owner", Kind::kText, "Process", "host:pid that ran it"}};
inline constexpr std::array kJobTrends{Column{"job", Kind::kText, "Job", "Its name"},
                                       Column{"seconds", Kind::kDecimal, "Seconds", "How long a run took"}};
inline constexpr std::array kAudit{
    Column{"id", Kind::kInteger, "Id", "billing_audit.id"},
    Column{"at", Kind::kTime, "When", "UTC"},
    Column{"actor", Kind::kText, "Who", "Token's role and fingerprint, or user@host:pid"},
    Column{"role", Kind::kStatus, "Role", "finance, ops or cli"},
    Column{"action", Kind::kText, "Action", "retry, run, close, adjust, export …"},
    Column{"target", Kind::kText, "Of what", "Event ids, job, period, report"},
    Column{"origin", Kind::kText, "From where", "Address, or command line"},
    Column{"outcome", Kind::kStatus, "Outcome", "done, refused or failed; begun: under way, or cut off"},
    Column{"detail", Kind::kText, "Detail", "What came of it"},
    Column{"begun_at", Kind::kTime, "Begun", "UTC, of what took long"}};

inline constexpr std::array kRevenue{
    Column{"currency", Kind::kText, "Currency", "ISO code"},
    Column{"subscriptions", Kind::kInteger, "Subscriptions", "active and past_due"},
    Column{"unpriced", Kind::kInteger, "Without price", "Of these, with an amount that is not known"},
    Column{"mrr_minor", Kind::kInteger, "MRR", "A month's revenue in Stripe's minor units of the currency"},
    Column{"mrr_usd", Kind::kUsd, "MRR in USD", "The same in US dollars"}};
inline constexpr std::array kTiers{kTier, Column{"active", Kind::kInteger, "Active", "Subscriptions that are active"},
                                   Column{"trialing", Kind::kInteger, "Trial", "In their trial"},
                                   Column{"past_due", Kind::kInteger, "Past due", "Whose payment failed"},
                                   Column{"ending", Kind::kInteger, "Ending", "Cancelled at their period's end"}};
inline constexpr std::array kMonths{
    Column{"period", Kind::kMonth, "Month", "UTC"},
    Column{"revenue_usd", Kind::kUsd, "Revenue", "Paid in the month, less refunds: as the margin report"},
    Column{"cost_usd", Kind::kUsd, "Cost",
           "Exact cost of the month's runs and of the adjustments booked in it: as the margin report"}};
inline constexpr std::array kNearQuota{
    kUserId,
    kEmail,
    kTier,
    Column{"monthly_runs_used", Kind::kInteger, "Used", "Runs of the quota period"},
    Column{"monthly_runs_quota", Kind::kInteger, "Quota", "Runs a quota period allows"},
    Column{"quota_reset_date", Kind::kDay, "Resets", "When the next quota period begins, UTC"}};

inline constexpr std::array kPlanChanges{Column{"changed_at", Kind::kTime, "When", "UTC"},
                                         Column{"from_tier", Kind::kStatus, "From", "The tier before"},
                                         Column{"to_tier", Kind::kStatus, "To", "The tier since"},
                                         Column{"from_quota", Kind::kInteger, "Quota before", "Runs a period"},
                                         Column{"to_quota", Kind::kInteger, "Quota since", "Runs a period"},
                                         Column{"cause", Kind::kText, "Cause", "What changed it"},
                                         kSubscription,
                                         Column{"event_id", Kind::kEvent, "Event", "The event that changed it"}};
inline constexpr std::array kCustomers{kCustomer, Column{"linked_by", Kind::kText, "Linked by", "What linked it"},
                                       Column{"linked_at", Kind::kTime, "Linked", "When"},
                                       Column{"deleted", Kind::kFlag, "Deleted", "Stripe has deleted it"}};
inline constexpr std::array kOverrides{Column{"monthly_runs_quota", Kind::kInteger, "Quota", "The quota agreed"},
                                       Column{"reason", Kind::kText, "Reason", "Why"},
                                       Column{"expires_at", Kind::kTime, "Until", "null: for good"}};
inline constexpr std::array kResets{
    Column{"period_start", Kind::kDay, "Period began", "UTC"},
    Column{"previous_used", Kind::kInteger, "Used before", "Runs of the period that ended"},
    Column{"used", Kind::kInteger, "Began with", "Runs that counted at once"},
    Column{"next_reset_date", Kind::kDay, "Until", "When it ends"}};
inline constexpr std::array kRunsOfUser{
    Column{"run_id", Kind::kText, "Run", "agent_runs.id"},
    Column{"status", Kind::kStatus, "Status", "queued, running, completed, failed or cancelled"},
    Column{"created_at", Kind::kTime, "Created", "UTC"},
    Column{"completed_at", Kind::kTime, "Completed", "UTC"},
    Column{"model", Kind::kText, "Model", "model_used"},
    Column{"tokens", Kind::kInteger, "Tokens", "tokens_total"},
    Column{"cost_usd", Kind::kDecimal, "Cost USD", "cost_usd"}};

}  // namespace billsync::admin::columns
