#include "billsync/stripe/signature.h"

#include <gtest/gtest.h>

#include "event_text.h"

namespace billsync::stripe {
namespace {

using std::chrono::seconds;

JsonDocument Cases() {
  return Parsed(FileText(BILLSYNC_SOURCE_DIR "/fixtures/signature/cases.json"));
}

std::string Str(JsonValue object, std::string_view key) {
  return std::string(object.Find(key).Text().value());
}
long long Num(JsonValue object, std::string_view key) {
  return object.Find(key).Int64().value();
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::vector<SigningSecret> Secrets(std::initializer_list<std::string> texts) {
  std::vector<SigningSecret> secrets;
  for (const auto& text : texts) secrets.push_back({"s" + std::to_string(secrets.size()), Secret(text)});
  return secrets;
}

constexpr std::string_view kBody = R"({"id":"evt_1"})";
const std::string kDigits(64, 'a');

// Code of the refusal, or "accept".
std::string Verdict(std::optional<std::string_view> header, std::string_view body,
                    const std::vector<SigningSecret>& secrets, Instant now, seconds tolerance = seconds{300}) {
  const auto verified = VerifySignature(header, body, secrets, now, tolerance);
  return verified ? "accept" : std::string(Code(verified.error()));
}

TEST(Signature, AcceptsEveryKnownBodyUnderEverySecretItWasSignedWith) {
  const auto cases = Cases();
  const auto bodies = cases.Root().Find("bodies").Elements();
  ASSERT_EQ(bodies.size(), 11U);
  for (const JsonValue row : bodies) {
    SCOPED_TRACE(Str(row, "name"));
    const std::string body = FromHex(Str(row, "body_hex"));
    for (const JsonValue signing : row.Find("signed").Elements()) {
      const auto secrets = Secrets({"whsec_another", Str(signing, "secret")});
      const auto verified = VerifySignature(Str(row, "header"), body, secrets, At(Num(row, "t")), seconds{300});
      ASSERT_TRUE(verified) << Code(verified.error());
      EXPECT_EQ(verified->secret_name, "s1");
      EXPECT_EQ(verified->timestamp, At(Num(row, "t")));
      EXPECT_EQ(SignatureHeader(body, secrets[1].secret, At(Num(row, "t"))),
                "t=" + std::to_string(Num(row, "t")) + ",v1=" + Str(signing, "v1"));
    }
  }
}

TEST(Signature, RefusesEveryKnownBodyWithOneByteMore) {
  const auto cases = Cases();
  for (const JsonValue row : cases.Root().Find("bodies").Elements()) {
    SCOPED_TRACE(Str(row, "name"));
    const auto secrets = Secrets({Str(row.Find("signed").Elements()[0], "secret")});
    const std::string body = FromHex(Str(row, "body_hex")) + "\n";
    EXPECT_EQ(Verdict(Str(row, "header"), body, secrets, At(Num(row, "t"))), "signature_mismatch");
  }
}

TEST(Signature, JudgesEveryKnownHeaderAsRecommended) {
  const auto cases = Cases();
  const auto headers = cases.Root().Find("headers").Elements();
  ASSERT_EQ(headers.size(), 37U);
  for (const JsonValue row : headers) {
    EXPECT_EQ(Verdict(Str(row, "header"), Str(row, "body"), Secrets({Str(row, "secret")}), At(Num(row, "now")),
                      seconds{Num(row, "tolerance_s")}),
              Str(row, "verdict"))
        << Str(row, "name");
  }
}

TEST(Signature, IsMissingWithoutAHeader) {
  EXPECT_EQ(Verdict(std::nullopt, kBody, Secrets({"whsec_a"}), At(kStart)), "signature_missing");
}

TEST(Signature, AllowsTheToleranceInBothDirectionsAndNotASecondMore) {
  const auto secrets = Secrets({"whsec_a"});
  const std::string header = SignatureHeader(kBody, secrets[0].secret, At(kStart));
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart + 300)), "accept");
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart + 300) + std::chrono::milliseconds{999}), "accept");
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart + 301)), "signature_too_old");
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart - 300)), "accept");
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart - 301)), "signature_from_the_future");
}

TEST(Signature, CallsAForgedOldRequestAMismatch) {
  const std::string header = SignatureHeader(kBody, Secret("whsec_b"), At(kStart));
  EXPECT_EQ(Verdict(header, kBody, Secrets({"whsec_a"}), At(kStart + 9999)), "signature_mismatch");
}

TEST(Signature, NeverFitsWithoutAUsableSecret) {
  for (const std::string blank : {"", " ", "\n\t "}) {
    const std::string header = SignatureHeader(kBody, Secret(blank), At(kStart));
    EXPECT_EQ(Verdict(header, kBody, Secrets({blank}), At(kStart)), "signature_mismatch");
    EXPECT_EQ(Verdict(header, kBody, {}, At(kStart)), "signature_mismatch");
  }
}

TEST(Signature, TakesSixteenSignaturesAndNotOneMore) {
  const auto secrets = Secrets({"whsec_a"});
  std::string header = SignatureHeader(kBody, secrets[0].secret, At(kStart));
  for (int i = 0; i < 15; ++i) header += ",v1=" + kDigits;
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart)), "accept");
  EXPECT_EQ(Verdict(header + ",v1=" + kDigits, kBody, secrets, At(kStart)), "signature_malformed");
}

TEST(Signature, TakesAHeaderOfFourKibibytesAndNotOneByteMore) {
  const auto secrets = Secrets({"whsec_a"});
  std::string header = SignatureHeader(kBody, secrets[0].secret, At(kStart)) + ",x=";
  header.append(4096 - header.size(), 'y');
  EXPECT_EQ(Verdict(header, kBody, secrets, At(kStart)), "accept");
  EXPECT_EQ(Verdict(header + "y", kBody, secrets, At(kStart)), "signature_malformed");
}

TEST(Signature, RefusesATimestampBeyondTheCalendar) {
  const std::string header = "t=999999999999,v1=" + kDigits;
  EXPECT_EQ(Verdict(header, kBody, Secrets({"whsec_a"}), At(kStart)), "signature_malformed");
  EXPECT_EQ(Verdict("t=1234567890123,v1=" + kDigits, kBody, Secrets({"whsec_a"}), At(kStart)), "signature_malformed");
}

TEST(Signature, RefusesAnItemWithoutAKey) {
  const auto secrets = Secrets({"whsec_a"});
  const std::string good = SignatureHeader(kBody, secrets[0].secret, At(kStart));
  for (const auto& bad : {good + ",=x", good + ",x", good + ",,x=1", "," + good}) {
    EXPECT_EQ(Verdict(bad, kBody, secrets, At(kStart)), "signature_malformed") << bad;
  }
}

TEST(Signature, NamesTheFirstSecretThatFitsDuringARotation) {
  const auto secrets = Secrets({"whsec_old", "whsec_new"});
  const std::string both = SignatureHeader(kBody, secrets[1].secret, At(kStart)) +
                           SignatureHeader(kBody, secrets[0].secret, At(kStart)).substr(12);
  EXPECT_EQ(VerifySignature(both, kBody, secrets, At(kStart), seconds{300})->secret_name, "s0");
}

}  // namespace
}  // namespace billsync::stripe
