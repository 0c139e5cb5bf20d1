#include "worker.h"

#include <exception>
#include <utility>
#include <variant>

#include "billsync/base/log.h"
#include "request_parser.h"

namespace billsync::http {
namespace {

class Worker {
 public:
  Worker(WorkQueue& queue, const Router& router, const std::shared_ptr<Mailbox>& mailbox, Counters& counters,
         const std::string& name)
      : queue_(queue), router_(router), mailbox_(mailbox), counters_(counters), name_(name) {}

  void operator()(RequestJob job) {
    Responder responder([mailbox = mailbox_, connection = job.connection](Response response) {
      mailbox->Post(AnswerMail{connection, std::move(response)});
    });
    auto request = parser_.Parse(job.head.for_parser);
    if (!request) return SendProblem(std::move(responder), ProblemCode::kMalformedRequest);
    request->method = std::move(job.head.method);
    request->body = std::move(job.body);
    request->remote_addr = std::move(job.remote_addr);

    auto found = router_.Find(request->method, request->path);
    // A method that a path has not is the front's to refuse; a path that is not there may be somebody's to explain.
    if (found.handler == nullptr && found.allow.empty()) found.handler = router_.fallback();
    if (found.handler == nullptr) return SendNoRoute(std::move(responder), found.allow);
    request->path_params = std::move(found.path_params);
    const std::string path = request->path;
    try {
      (*found.handler)(std::move(*request), std::move(responder));
    } catch (const std::exception& error) {
      NoteHandlerFailure(path, error.what());
    } catch (...) {
      NoteHandlerFailure(path, "not a std::exception");
    }
  }

  void operator()(const StreamJob& job) {
    try {
      job.pipe->Produce(job.body);
    } catch (const std::exception& error) {
      NoteHandlerFailure("stream", error.what());
    } catch (...) {
      NoteHandlerFailure("stream", "not a std::exception");
    }
    queue_.StreamDone();
    mailbox_->Post(StreamDoneMail{job.connection});
  }

 private:
  void SendProblem(Responder responder, ProblemCode code) {
    CountProblem(counters_, code);
    responder.Send(Problem(code));
  }

  void SendNoRoute(Responder responder, const std::string& allow) {
    if (allow.empty()) return SendProblem(std::move(responder), ProblemCode::kNotFound);
    CountProblem(counters_, ProblemCode::kMethodNotAllowed);
    Response response = Problem(ProblemCode::kMethodNotAllowed);
    response.headers.emplace_back("Allow", allow);
    responder.Send(std::move(response));
  }

  // The responder answered when it was unwound; the text of the failure is for the log alone.
  void NoteHandlerFailure(const std::string& path, std::string_view what) {
    ++counters_.handler_exceptions;
    CountProblem(counters_, ProblemCode::kInternal);
    Log(LogLevel::kError, "request handler failed", {{"listener", name_}, {"path", path}, {"error", what}});
  }

  WorkQueue& queue_;
  const Router& router_;
  const std::shared_ptr<Mailbox>& mailbox_;
  Counters& counters_;
  const std::string& name_;
  RequestParser parser_;
};

}  // namespace

void RunWorker(WorkQueue& queue, const Router& router, const std::shared_ptr<Mailbox>& mailbox, Counters& counters,
               const std::string& name) {
  Worker worker(queue, router, mailbox, counters, name);
  while (auto job = queue.Take()) {
    std::visit([&worker](auto& work) { worker(std::move(work)); }, *job);
  }
}

}  // namespace billsync::http
