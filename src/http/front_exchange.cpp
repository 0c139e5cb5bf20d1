// One request and its answer on one connection.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "billsync/base/log.h"
#include "front.h"
#include "response_writer.h"

namespace billsync::http {
namespace {

constexpr size_t kReadBytes = Transport::kMinReadBytes;
// Requests up to this size are read even when Limits::max_buffered_bytes is reached: large uploads must not be able to
// shut out ordinary ones.
constexpr size_t kAlwaysRead = size_t{64} << 10U;
// Longest method and version beside the target.
constexpr size_t kRequestLineSlack = 64;
// Batches of a streamed answer that one turn writes before other connections get theirs.
constexpr int kBatchesPerTurn = 4;

uint32_t InterestFor(IoStatus blocked) {
  return blocked == IoStatus::kWantWrite ? EPOLLOUT : EPOLLIN;
}

}  // namespace

void Front::ContinueHandshake(Connection& connection) {
  const IoStatus status = connection.transport->Handshake();
  switch (status) {
    case IoStatus::kDone:
      connection.phase = Phase::kReading;
      SetInterest(connection, EPOLLIN);
      return SetDeadline(connection, limits_.request_deadline);
    case IoStatus::kWantRead:
    case IoStatus::kWantWrite:
      return SetInterest(connection, InterestFor(status));
    case IoStatus::kClosed:
      ++counters_.tls_handshakes_failed;
      return Close(connection);
  }
}

// One read a turn: level-triggered epoll announces what is left.
void Front::Read(Connection& connection) {
  std::array<char, kReadBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by Read
  const IoResult result = connection.transport->Read(buffer.data(), buffer.size());
  switch (result.status) {
    case IoStatus::kClosed:
      return Close(connection);
    case IoStatus::kWantRead:
    case IoStatus::kWantWrite:
      return SetInterest(connection, InterestFor(result.status) | (connection.out.empty() ? 0U : EPOLLOUT));
    case IoStatus::kDone:
      break;
  }
  if (connection.phase == Phase::kLingering) return;
  if (connection.in.empty()) SetDeadline(connection, limits_.request_deadline);
  connection.in.append(buffer.data(), result.bytes);
  Advance(connection);
}

// Takes every request that has arrived, one after the other's answer.
void Front::Advance(Connection& connection) {
  while (connection.phase == Phase::kReading && TakeRequest(connection)) {
  }
  if (connection.in.empty()) connection.in = std::string();  // an idle connection holds no buffer
  Account(connection);
}

// True when a whole request has left the buffer.
bool Front::TakeRequest(Connection& connection) {
  if (!connection.head && !TakeHead(connection)) return false;
  if (connection.in.size() >= connection.scanner.head_bytes() + connection.head->content_length) {
    Dispatch(connection);
    return true;
  }
  if (connection.in.size() > kAlwaysRead && buffered_ > limits_.max_buffered_bytes) {
    Refuse(connection, ProblemCode::kOverloaded);
  }
  return false;
}

bool Front::TakeHead(Connection& connection) {
  if (!connection.empty_line_skipped && connection.in.starts_with("\r\n")) {
    // Old clients end a body with one (RFC 9112 §2.2).
    connection.in.erase(0, 2);
    connection.scanner = {};
    connection.empty_line_skipped = true;
  }
  const ScanStatus scan = connection.scanner.Scan(connection.in);
  std::optional<ProblemCode> refusal;
  if (scan == ScanStatus::kMalformed) refusal = ProblemCode::kMalformedRequest;
  if (scan == ScanStatus::kMore) refusal = CheckPartialHead(connection);
  if (scan == ScanStatus::kComplete) {
    auto head = CheckHead(std::string_view(connection.in).substr(0, connection.scanner.head_bytes()), limits_);
    if (head) {
      connection.head = std::move(*head);
      SendContinue(connection);
      return connection.phase == Phase::kReading;
    }
    refusal = head.error();
  }
  if (refusal) Refuse(connection, *refusal);
  return false;
}

// Refuses a head that is already too long, without waiting for its end.
std::optional<ProblemCode> Front::CheckPartialHead(const Connection& connection) const {
  const size_t line = connection.scanner.request_line_bytes();
  if (line == 0) {
    const bool too_long = connection.in.size() > limits_.max_target_bytes + kRequestLineSlack;
    return too_long ? std::optional(ProblemCode::kTargetTooLong) : std::nullopt;
  }
  const bool too_long = connection.in.size() - line > limits_.max_header_bytes + 2;
  return too_long ? std::optional(ProblemCode::kHeadersTooLarge) : std::nullopt;
}

// Only for a head that has passed every check, and only if the client is still waiting with the body.
void Front::SendContinue(Connection& connection) {
  const size_t needed = connection.scanner.head_bytes() + connection.head->content_length;
  if (!connection.head->expects_continue || connection.in.size() >= needed) return;
  connection.out += "HTTP/1.1 100 Continue\r\n\r\n";
  Flush(connection);
}

void Front::Dispatch(Connection& connection) {
  CheckedHead head = std::move(*connection.head);
  const size_t head_bytes = connection.scanner.head_bytes();
  std::string body = connection.in.substr(head_bytes, head.content_length);
  connection.in.erase(0, head_bytes + head.content_length);
  connection.head.reset();
  connection.scanner = {};
  connection.empty_line_skipped = false;

  ++connection.requests;
  connection.head_only = head.method == "HEAD";
  connection.http_1_0 = head.http_1_0;
  connection.keep_alive = head.keep_alive;
  connection.phase = Phase::kAnswering;
  SetDeadline(connection, std::nullopt);
  if (pending_ >= limits_.max_pending_requests) {
    // Its end is known, so the connection stays in step and may be used again.
    CountProblem(counters_, ProblemCode::kOverloaded);
    Answer(connection, Problem(ProblemCode::kOverloaded));
    return;
  }
  ++pending_;
  ++counters_.requests_pending;
  ++counters_.requests_handled;
  connection.in_work = body.size();
  queue_.Push(RequestJob{connection.id, std::move(head), std::move(body), connection.peer});
}

// Whatever follows on this connection could be the body of the refused request, so none of it is read as a request.
void Front::Refuse(Connection& connection, ProblemCode code) {
  CountProblem(counters_, code);
  connection.out_of_sync = true;
  connection.keep_alive = false;
  connection.head_only = false;
  connection.in.clear();
  Account(connection);
  Answer(connection, Problem(code));
}

// Writes as much as goes at once. True if the answer is streamed and therefore still in work.
bool Front::Answer(Connection& connection, Response response) {
  if (!IsSendable(response)) {
    Log(LogLevel::kError, "answer has a header that cannot be sent", {{"listener", name_}});
    CountProblem(counters_, ProblemCode::kInternal);
    response = Problem(ProblemCode::kInternal);
  }
  connection.in_work = 0;
  ++counters_.responses_by_class.at(static_cast<size_t>(response.status) / 100);
  connection.close_after =
      !connection.keep_alive || stopping_ || connection.requests >= limits_.max_requests_per_connection;
  const WireOptions options{connection.head_only, connection.close_after, !connection.http_1_0};
  connection.out += WriteResponse(response, options, HttpDateNow());
  connection.phase = Phase::kFlushing;
  SetDeadline(connection, limits_.write_deadline);
  const bool streams = response.stream && !connection.head_only && response.status != 204 && response.status != 304;
  if (streams) StartStream(connection, std::move(response.stream));
  Flush(connection);
  return streams;
}

void Front::StartStream(Connection& connection, StreamBody body) {
  const auto notify = [mailbox = mailbox_, id = connection.id] { mailbox->Post(StreamMail{id}); };
  connection.pipe = std::make_shared<StreamPipe>(notify, !connection.http_1_0);
  queue_.Push(StreamJob{connection.id, std::move(body), connection.pipe});
}

void Front::Flush(Connection& connection) {
  for (int batch = 0; WriteOut(connection); ++batch) {
    if (connection.phase == Phase::kReading) return SetInterest(connection, EPOLLIN);  // that was 100 Continue
    if (!connection.pipe) return FinishAnswer(connection);
    if (batch == kBatchesPerTurn) return SetInterest(connection, EPOLLOUT);
    if (!TakeStream(connection)) return;
  }
}

// True when nothing is left to write.
bool Front::WriteOut(Connection& connection) {
  while (connection.sent < connection.out.size()) {
    const IoResult result = connection.transport->Write(std::string_view(connection.out).substr(connection.sent));
    switch (result.status) {
      case IoStatus::kDone:
        connection.sent += result.bytes;
        break;
      case IoStatus::kWantRead:
      case IoStatus::kWantWrite: {
        const uint32_t reading = connection.phase == Phase::kReading ? EPOLLIN : 0U;
        SetInterest(connection, InterestFor(result.status) | reading);
        return false;
      }
      case IoStatus::kClosed:
        Close(connection);
        return false;
    }
  }
  connection.out = std::string();
  connection.sent = 0;
  return true;
}

// True when there is something to write or the answer is complete.
bool Front::TakeStream(Connection& connection) {
  switch (connection.pipe->Take(connection.out)) {
    case StreamPipe::State::kWhole:
      connection.pipe.reset();
      break;
    case StreamPipe::State::kCut:
      // Chunked, the missing last chunk tells; without chunks only a reset does.
      if (connection.http_1_0) connection.transport->ResetOnClose();
      Close(connection);
      return false;
    case StreamPipe::State::kOpen:
      if (!connection.out.empty()) break;
      SetDeadline(connection, std::nullopt);  // the producer's turn
      SetInterest(connection, connection.interest & ~static_cast<uint32_t>(EPOLLOUT));
      return false;
  }
  SetDeadline(connection, limits_.write_deadline);
  return true;
}

void Front::FinishAnswer(Connection& connection) {
  const bool unread_input = connection.out_of_sync || !connection.in.empty();
  if (!connection.close_after && !(stopping_ && !unread_input)) {
    connection.phase = Phase::kReading;
    SetInterest(connection, EPOLLIN);
    return SetDeadline(connection, connection.in.empty() ? limits_.keep_alive_idle : limits_.request_deadline);
  }
  if (stopping_ && !unread_input) return Close(connection);
  // Closing with unread input makes the kernel send a reset, which can destroy the answer before it is read.
  connection.in.clear();
  connection.transport->CloseWrite();
  connection.phase = Phase::kLingering;
  SetInterest(connection, EPOLLIN);
  SetDeadline(connection, limits_.linger);
}

void Front::Account(Connection& connection) {
  const size_t held = connection.in.size() + connection.in_work;
  buffered_ += held;
  buffered_ -= connection.in_accounted;
  connection.in_accounted = held;
}

const std::string& Front::HttpDateNow() {
  const Instant now = SystemNow();
  if (const long long second = UnixSeconds(now); second != date_second_) {
    date_second_ = second;
    date_ = FormatHttpDate(now);
  }
  return date_;
}

}  // namespace billsync::http
