// What one worker thread does.
#pragma once

#include <memory>
#include <string>

#include "billsync/http/router.h"
#include "counters.h"
#include "mailbox.h"
#include "work_queue.h"

namespace billsync::http {

// Takes jobs until the queue is closed: parses and routes requests, runs handlers and stream bodies. Nothing a handler
// throws leaves this function or reaches a client. `name` is the listener's, for logs.
void RunWorker(WorkQueue& queue, const Router& router, const std::shared_ptr<Mailbox>& mailbox, Counters& counters,
               const std::string& name);

}  // namespace billsync::http
