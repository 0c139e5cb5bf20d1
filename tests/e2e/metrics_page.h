// The numbers of /metrics.
#pragma once

#include <sstream>
#include <string>

#include "support/program.h"

namespace billsync::testing {

// The value of a sample such as `billsync_webhook_refused_total{code="signature_mismatch"}` as text; "" if absent.
inline std::string MetricOf(const std::string& page, const std::string& sample) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(sample + " ")) return line.substr(sample.size() + 1);
  }
  return "";
}

inline std::string Metric(const RunningService& service, const std::string& sample) {
  return MetricOf(Get(service.admin_port(), "/metrics", kOpsToken).body, sample);
}

}  // namespace billsync::testing
