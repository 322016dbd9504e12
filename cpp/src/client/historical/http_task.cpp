#include "client/historical/http_task.hpp"

#include <algorithm>
#include <utility>

#include "base/number.hpp"
#include "base/str_cat.hpp"
#include "proto/http_failure.hpp"

namespace dbnloop::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLongestWait{300};
constexpr int kMaxDoublings = 8;

bool IsSuccess(int status) { return status / 100 == 2; }

// What the server says, or 1, 2, 4… s and up to half of that at random: clients that
// failed together do not all come back together.
Reactor::Clock::duration WaitBefore(int retry, const Error& error,
                                    HttpSession& session) {
  if (error.http && error.http->retry_after_s) {
    return seconds{*error.http->retry_after_s};
  }
  const milliseconds wait{seconds{1U << std::min(retry, kMaxDoublings)}};
  return wait + session.Jitter(wait / 2);
}

}  // namespace

HttpTask::HttpTask(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
                   bool repeatable)
    : session_{std::move(session)},
      hooks_{std::move(hooks)},
      max_retries_{max_retries},
      retries_left_{max_retries},
      repeatable_{repeatable},
      retry_{session_->reactor()} {}

void HttpTask::Begin() {
  Send(repeatable_ ? session_->Connection() : session_->FreshConnection());
}

void HttpTask::Send(std::unique_ptr<HttpConnection> connection) {
  refused_.Reset();
  unacceptable_ = {};
  const auto request = MakeRequest();
  url_ = session_->Describe(request);
  connection_ = std::move(connection);
  connection_->Send(request, this);
}

// What the head says is recorded before the user hears of it: a handler may throw, or
// end the task.
void HttpTask::OnHead(const proto::HttpHead& head) {
  if (IsSuccess(head.status)) {
    unacceptable_ = Accept(head);
  } else {
    refused_.Begin(head);
  }
  const auto warn = hooks_.warn;
  for (const auto& text : proto::WarningsOf(head, session_->redact())) {
    if (!warn(text)) return;
  }
  if (unacceptable_) End(std::exchange(unacceptable_, {}));
}

void HttpTask::OnBody(std::span<const std::byte> piece, std::size_t& taken) {
  taken = piece.size();
  if (unacceptable_) return End(std::exchange(unacceptable_, {}));
  if (refused_) {
    if (!refused_.Append(piece)) FinishWithHttpError();
    return;
  }
  if (auto error = Take(piece)) End(std::move(error));
}

void HttpTask::OnDone() {
  session_->Return(std::move(connection_));
  if (unacceptable_) return End(std::exchange(unacceptable_, {}));
  if (refused_) return FinishWithHttpError();
  End(Complete());
}

// The end of a reused connection says nothing about the server: a read-only request is
// sent once more on a fresh one (RFC 9112, 9.3.1), and the failure of that one counts.
void HttpTask::OnFailure(Error error) {
  if (repeatable_ && error.code == ErrorCode::ConnectionClosed &&
      connection_->MayBeStale()) {
    return Send(session_->FreshConnection());
  }
  End(std::move(error));
}

void HttpTask::FinishWithHttpError() {
  switch (PolicyOf(refused_.head())) {
    case ErrorPolicy::Repeat:
      return HttpTask::Begin();
    case ErrorPolicy::Complete:
      return End(Complete());
    case ErrorPolicy::Report:
      break;
  }
  End(refused_.ToError(url_, session_->redact()));
}

bool HttpTask::TryAgain(const Error& error) {
  if (retries_left_ == 0) return false;
  const auto* const http = error.http.get();
  // Retrying sooner than the server wants is useless, and hours of waiting would need
  // to be asked for.
  if (http != nullptr && http->retry_after_s.value_or(0) > kLongestWait.count()) {
    return false;
  }
  // The server refused to do it: safe for every request. A 503 without Retry-After may
  // come from a proxy that lost the server's response.
  const bool refused =
      http != nullptr &&
      (http->status == 429 || (http->status == 503 && http->retry_after_s));
  const bool broken = error.code == ErrorCode::ConnectionClosed ||
                      error.code == ErrorCode::Timeout ||
                      (http != nullptr && http->Retryable());
  if (!refused && !(broken && repeatable_)) return false;
  --retries_left_;
  connection_.reset();
  retry_.Arm(WaitBefore(tries_++, error, *session_), [this] { HttpTask::Begin(); });
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
  return {ErrorCode::LimitExceeded,
          base::StrCat("the response to ", session_->Describe(make_()),
                       " is longer than ", kMaxBody, " bytes")};
}

// The response may be printed: it must not hold a secret either. A string that grew
// releases its spare memory before the response is parsed into values.
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

}  // namespace dbnloop::client
