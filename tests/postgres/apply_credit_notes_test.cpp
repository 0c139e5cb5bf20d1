// What credit notes come to on an invoice: the invoice's own word at its moment, and the notes since then.
#include <gtest/gtest.h>

#include <limits>

#include "money_events.h"
#include "platform_rows.h"

namespace billsync::testing {
namespace {

constexpr const char* kCredited =
    "SELECT string_agg(stripe_invoice_id || ' ' || amount_credited_minor || ' ' || amount_credited_usd, ', ' "
    "ORDER BY stripe_invoice_id) FROM billing_invoices";
constexpr long long kIssued = kAsOfSeconds - 2000;
constexpr long long kVoided = kAsOfSeconds - 1000;

class CreditNoteTest : public ::testing::Test {
 protected:
  void ExpectInEveryOrder(const std::vector<std::string>& bodies, const std::string& expected) {
    testing::ExpectInEveryOrder(mirror_, bodies, kCredited, expected);
    EXPECT_EQ(mirror_.database.Value("SELECT count(*) FROM stripe_events WHERE status <> 'applied'"), "0");
  }
  // The invoice's own word at `created`.
  static std::string Updated(long long created, long long post_payment_credit) {
    return PaidInvoiceEvent{.event = "evt_updated_" + std::to_string(created),
                            .type = "invoice.updated",
                            .created = created,
                            .post_payment_credit = post_payment_credit}
        .Body();
  }
  static std::string Void() {
    return CreditNoteEvent{
        .event = "evt_void", .type = "credit_note.voided", .created = kVoided, .status = "void", .voided_at = kVoided}
        .Body();
  }

  Mirror mirror_;
};

TEST_F(CreditNoteTest, CountAtOnceThoughTheInvoiceHasNotSaidSoYet) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), CreditNoteEvent{}.Body()}, "in_1 500 5.00");
}

TEST_F(CreditNoteTest, CountOnceWhenTheInvoiceSaysSoLater) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), CreditNoteEvent{}.Body(), Updated(kIssued + 1, 500)}, "in_1 500 5.00");
}

TEST_F(CreditNoteTest, OfTheSnapshotsOwnSecondAreInIt) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), CreditNoteEvent{}.Body(), Updated(kIssued, 500)}, "in_1 500 5.00");
}

TEST_F(CreditNoteTest, WhoseEventIsStampedLaterThanTheNoteCountOnce) {
  ExpectInEveryOrder({CreditNoteEvent{.created = kIssued + 1}.Body(), Updated(kIssued, 500)}, "in_1 500 5.00");
}

// Two neighbours of a burst may be stamped the wrong way round by a second.
TEST_F(CreditNoteTest, StampedASecondAfterTheSnapshotThatHasThemCountOnce) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), Updated(kIssued - 1, 500), CreditNoteEvent{}.Body()}, "in_1 500 5.00");
}

TEST_F(CreditNoteTest, VoidedASecondAfterTheSnapshotThatHasThemNoMoreAreNotTakenBackTwice) {
  const auto other = CreditNoteEvent{.event = "evt_note_2", .id = "cn_2", .amount = 50};
  ExpectInEveryOrder({CreditNoteEvent{}.Body(), other.Body(), Updated(kVoided - 1, 50), Void()}, "in_1 50 0.50");
}

TEST_F(CreditNoteTest, OfASnapshotThatSaysMoreThanFits64BitsAreNotWrittenAsLess) {
  const long long most = std::numeric_limits<long long>::max();
  mirror_.Store(PaidInvoiceEvent{.pre_payment_credit = most, .post_payment_credit = 1}.Body());
  AddUser(mirror_.database, 1, {{"stripe_customer_id", "'cus_1'"}});
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT coalesce(amount_credited_minor::text, 'unknown') FROM billing_invoices"),
            "unknown");
}

TEST_F(CreditNoteTest, AddUpWithWhatTheInvoiceSaidBefore) {
  ExpectInEveryOrder(
      {PaidInvoiceEvent{.pre_payment_credit = 200}.Body(), CreditNoteEvent{}.Body(),
       CreditNoteEvent{.event = "evt_note_2", .id = "cn_2", .amount = 50, .issued_at = kIssued + 5}.Body()},
      "in_1 750 7.50");
}

TEST_F(CreditNoteTest, VoidedSinceTheSnapshotThatHadThemCountNoMore) {
  ExpectInEveryOrder({CreditNoteEvent{}.Body(), Updated(kIssued + 1, 500), Void()}, "in_1 0 0.00");
}

TEST_F(CreditNoteTest, IssuedAndVoidedSinceTheSnapshotNeverCount) {
  ExpectInEveryOrder({PaidInvoiceEvent{}.Body(), CreditNoteEvent{}.Body(), Void()}, "in_1 0 0.00");
}

TEST_F(CreditNoteTest, VoidedBeforeTheSnapshotAreGoneFromIt) {
  ExpectInEveryOrder({CreditNoteEvent{}.Body(), Void(), Updated(kVoided + 1, 0)}, "in_1 0 0.00");
}

TEST_F(CreditNoteTest, KnownOnlyByTheirVoidingTakeBackWhatTheSnapshotSaid) {
  ExpectInEveryOrder({Updated(kIssued + 1, 500), Void()}, "in_1 0 0.00");
}

TEST_F(CreditNoteTest, AreKeptWithTheirNumbersAndNeedNoUser) {
  mirror_.Store(CreditNoteEvent{}.Body());
  mirror_.Store(Void());
  mirror_.Apply();
  EXPECT_EQ(mirror_.database.Value("SELECT amount_minor || ' ' || status || ' ' || post_payment_minor || ' ' || "
                                   "last_event_id FROM billing_credit_notes"),
            "500 void 500 evt_void");
}

}  // namespace
}  // namespace billsync::testing
