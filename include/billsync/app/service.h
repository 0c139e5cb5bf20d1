// Everything `billsync serve` runs, wired together.
#pragma once

#include <cstdint>
#include <memory>

#include "billsync/app/config.h"

namespace billsync::app {

// Webhook listener, inbox, applier, scheduler and admin listener over one configuration.
class Service {
 public:
  explicit Service(Config config);
  ~Service();

  // Binds the ports and starts. Throws std::runtime_error when a port is taken or the schema is not current; a database
  // that cannot be reached yet is no error: /readyz says 503 until it can.
  void Start();

  // Stops accepting, answers what is in flight, commits what waits, finishes the running batch and job.
  void Stop();

  uint16_t public_port() const;
  // 0 when no admin token is configured: then there is no admin listener.
  uint16_t admin_port() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace billsync::app
