// Every error code the HTTP front itself can show to a client. Names are stable: scripts and alerts rely on them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace billsync::http {

// In the order of their status. Append only.
enum class ProblemCode {
  kMalformedRequest,
  kBadContentLength,
  kAmbiguousLength,
  kMissingHost,
  kNotFound,
  kMethodNotAllowed,
  kRequestTimeout,
  kLengthRequired,
  kPayloadTooLarge,
  kTargetTooLong,
  kEncodedBody,
  kHeadersTooLarge,
  kInternal,
  kOverloaded,
  kVersionNotSupported,
};
inline constexpr size_t kProblemCodes = 15;

struct ProblemInfo {
  ProblemCode code;
  int status;               // HTTP status it is sent with
  std::string_view name;    // the problem's "code" member
  std::string_view detail;  // one sentence for the person who reads the answer
};

// All codes, indexed by ProblemCode.
const std::array<ProblemInfo, kProblemCodes>& AllProblems();

// The entry of one code.
const ProblemInfo& GetProblemInfo(ProblemCode code);

}  // namespace billsync::http
