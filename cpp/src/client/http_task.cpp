#include "client/http_task.hpp"

#include <algorithm>
#include <utility>

#include "proto/http_failure.hpp"

namespace dbnloop {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestWait{300};

bool IsSuccess(int status) { return status / 100 == 2; }

// 1, 2, 4… s unless the server says.
seconds WaitBefore(int retry, const Error& error) {
  if (error.http && error.http->retry_after_s) {
    return std::min(kLongestWait, seconds{*error.http->retry_after_s});
  }
  return std::min(kLongestWait, seconds{1U << std::min(retry, 8)});
}

}  // namespace

HttpTask::HttpTask(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
                   bool repeatable)
    : session_{std::move(session)},
      hooks_{std::move(hooks)},
      retries_left_{max_retries},
      repeatable_{repeatable} {}

HttpTask::~HttpTask() { session_->reactor()->Cancel(retry_); }

void HttpTask::Begin() {
  retry_ = 0;
  failed_ = {};
  failed_body_.clear();
  const auto request = MakeRequest();
  url_ = session_->Describe(request);
  connection_ = repeatable_ ? session_->Connection() : session_->FreshConnection();
  connection_->Send(request, this);
}

void HttpTask::OnHead(const proto::HttpHead& head) {
  for (const auto& text : proto::WarningsOf(head)) hooks_.warn(text);
  if (!IsSuccess(head.status)) {
    failed_ = head;
    return;
  }
  if (auto error = Accept(head)) End(std::move(error));
}

void HttpTask::OnBody(std::span<const std::byte> piece, std::size_t& taken) {
  taken = piece.size();
  if (failed_.status != 0) {
    const auto room = proto::kMaxErrorBody - failed_body_.size();
    failed_body_.append(reinterpret_cast<const char*>(piece.data()),
                        std::min(room, piece.size()));
    // Enough to say what it is; the rest is not waited for.
    if (piece.size() > room) End(proto::FailureOf(failed_, failed_body_, url_));
    return;
  }
  if (auto error = Take(piece)) End(std::move(error));
}

void HttpTask::OnDone() {
  session_->Return(std::move(connection_));
  if (failed_.status != 0) return End(proto::FailureOf(failed_, failed_body_, url_));
  End(Complete());
}

void HttpTask::OnFailure(Error error) { End(std::move(error)); }

bool HttpTask::TryAgain(const Error& error) {
  if (retries_left_ == 0) return false;
  // Refused, so not done: safe for every request.
  const bool refused =
      error.http && (error.http->status == 429 || error.http->status == 503);
  const bool broken = error.code == ErrorCode::ConnectionClosed ||
                      error.code == ErrorCode::Timeout ||
                      (error.http && error.http->Retryable());
  if (!refused && !(broken && repeatable_)) return false;
  --retries_left_;
  connection_.reset();
  retry_ = session_->reactor()->After(WaitBefore(tries_++, error), [this] { Begin(); });
  return true;
}

void HttpTask::End(Error error) {
  if (error && TryAgain(error)) return;
  const auto self = hooks_.release();
  if (connection_) connection_->Cancel();
  if (error) session_->Redact(error);
  Finish(std::move(error));
}

// ---- Call ---------------------------------------------------------------------------

HttpCall::HttpCall(std::shared_ptr<HttpSession> session, Hooks hooks, int max_retries,
                   bool repeatable, Maker make, HistoricalClient::CallHandler done)
    : HttpTask{std::move(session), std::move(hooks), max_retries, repeatable},
      make_{std::move(make)},
      done_{std::move(done)} {}

proto::HttpRequest HttpCall::MakeRequest() { return make_(); }

Error HttpCall::Accept(const proto::HttpHead& /*head*/) {
  body_.clear();
  return {};
}

Error HttpCall::Take(std::span<const std::byte> piece) {
  if (body_.size() + piece.size() > kMaxBody) {
    return {ErrorCode::LimitExceeded, "the response to " + session_->Describe(make_()) +
                                          " is longer than " +
                                          std::to_string(kMaxBody) + " bytes"};
  }
  body_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  return {};
}

Error HttpCall::Complete() { return {}; }

void HttpCall::Finish(Error error) {
  auto done = std::move(done_);
  if (error) {
    done(std::unexpected{std::move(error)});
  } else {
    done(std::move(body_));
  }
}

}  // namespace dbnloop
