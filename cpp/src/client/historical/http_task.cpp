#include "client/historical/http_task.hpp"

#include <algorithm>
#include <utility>

#include "base/number.hpp"
#include "proto/http_failure.hpp"

namespace dbnloop {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestWait{300};

bool IsSuccess(int status) { return status / 100 == 2; }

// 1, 2, 4… s unless the server says.
seconds WaitBefore(int retry, const Error& error) {
  if (error.http && error.http->retry_after_s) {
    return seconds{*error.http->retry_after_s};
  }
  return std::min(kLongestWait, seconds{1U << std::min(retry, 8)});
}

}  // namespace

HttpTask::HttpTask(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
                   bool repeatable)
    : session_{std::move(session)},
      hooks_{std::move(hooks)},
      max_retries_{max_retries},
      retries_left_{max_retries},
      repeatable_{repeatable} {}

HttpTask::~HttpTask() { session_->reactor()->Cancel(retry_); }

void HttpTask::Begin() {
  Send(repeatable_ ? session_->Connection() : session_->FreshConnection());
}

void HttpTask::Send(std::unique_ptr<HttpConnection> connection) {
  failed_ = {};
  failed_body_.clear();
  refused_ = {};
  const auto request = MakeRequest();
  url_ = session_->Describe(request);
  connection_ = std::move(connection);
  connection_->Send(request, this);
}

// What the head says is noted before the user hears of it: a handler may throw, or end
// the task.
void HttpTask::OnHead(const proto::HttpHead& head) {
  if (IsSuccess(head.status)) {
    refused_ = Accept(head);
  } else {
    failed_ = head;
  }
  const auto warn = hooks_.warn;
  for (const auto& text : proto::WarningsOf(head, session_->redact())) {
    if (!warn(text)) return;
  }
  if (refused_) End(std::exchange(refused_, {}));
}

void HttpTask::OnBody(std::span<const std::byte> piece, std::size_t& taken) {
  taken = piece.size();
  if (refused_) return End(std::exchange(refused_, {}));
  if (failed_.status != 0) {
    const auto room = proto::kMaxErrorBody - failed_body_.size();
    failed_body_.append(reinterpret_cast<const char*>(piece.data()),
                        std::min(room, piece.size()));
    // Enough to say what it is; the rest is not waited for.
    if (piece.size() > room) EndRefused();
    return;
  }
  if (auto error = Take(piece)) End(std::move(error));
}

void HttpTask::OnDone() {
  session_->Return(std::move(connection_));
  if (refused_) return End(std::exchange(refused_, {}));
  if (failed_.status != 0) return EndRefused();
  End(Complete());
}

// A connection that was kept says nothing of the server: what only reads is sent once
// more on a fresh one (RFC 9112, 9.3.1), and that one's failure counts.
void HttpTask::OnFailure(Error error) {
  if (repeatable_ && error.code == ErrorCode::ConnectionClosed &&
      connection_->MayBeStale()) {
    return Send(session_->FreshConnection());
  }
  End(std::move(error));
}

void HttpTask::EndRefused() {
  switch (RemedyOf(failed_)) {
    case Remedy::Again:
      return HttpTask::Begin();
    case Remedy::Complete:
      return End(Complete());
    case Remedy::None:
      break;
  }
  End(proto::FailureOf(failed_, failed_body_, url_, session_->redact()));
}

bool HttpTask::TryAgain(const Error& error) {
  if (retries_left_ == 0) return false;
  const auto* const http = error.http.get();
  // Sooner than the server wants is no use, and nobody waits for hours unasked.
  if (http != nullptr && http->retry_after_s.value_or(0) > kLongestWait.count()) {
    return false;
  }
  // Refused, so not done: safe for every request. A 503 without Retry-After may be a
  // proxy's that lost the server's answer.
  const bool refused =
      http != nullptr &&
      (http->status == 429 || (http->status == 503 && http->retry_after_s));
  const bool broken = error.code == ErrorCode::ConnectionClosed ||
                      error.code == ErrorCode::Timeout ||
                      (http != nullptr && http->Retryable());
  if (!refused && !(broken && repeatable_)) return false;
  --retries_left_;
  connection_.reset();
  retry_ = session_->reactor()->After(WaitBefore(tries_++, error), [this] {
    retry_ = 0;
    HttpTask::Begin();
  });
  return true;
}

void HttpTask::End(Error error) {
  if (error && TryAgain(error)) return;
  const auto self = hooks_.release();
  if (connection_) connection_->Cancel();
  error.message = session_->redact()(error.message);
  Finish(std::move(error));
}

// ---- Call ---------------------------------------------------------------------------

HttpCall::HttpCall(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
                   bool repeatable, Maker make, HistoricalClient::CallHandler done)
    : HttpTask{std::move(session), std::move(hooks), max_retries, repeatable},
      make_{std::move(make)},
      done_{std::move(done)} {}

proto::HttpRequest HttpCall::MakeRequest() { return make_(); }

Error HttpCall::Accept(const proto::HttpHead& head) {
  body_.clear();
  const auto length =
      base::ParseNumber<std::uint64_t>(head.Find("content-length").value_or(""));
  return length && *length > kMaxBody ? TooLong() : Error{};
}

Error HttpCall::Take(std::span<const std::byte> piece) {
  if (body_.size() + piece.size() > kMaxBody) return TooLong();
  body_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return {};
}

Error HttpCall::TooLong() const {
  return {ErrorCode::LimitExceeded, "the response to " + session_->Describe(make_()) +
                                        " is longer than " + std::to_string(kMaxBody) +
                                        " bytes"};
}

// What is printed of the answer must not hold a secret either; and what a text that
// grew has left over is given back before the answer is made into values.
Error HttpCall::Complete() {
  session_->redact().Redact(body_);
  body_.shrink_to_fit();
  return {};
}

void HttpCall::Finish(Error error) {
  auto done = std::move(done_);
  if (error) {
    done(std::unexpected{std::move(error)});
  } else {
    done(std::move(body_));
  }
}

}  // namespace dbnloop
