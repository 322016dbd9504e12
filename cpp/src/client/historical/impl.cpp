#include "client/historical/impl.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "base/throw.hpp"
#include "client/historical/file_download.hpp"
#include "proto/http_failure.hpp"

namespace dbnloop {

HistoricalClient::Impl::Impl(Reactor* reactor, base::SecretString api_key,
                             const HistoricalOptions& options,
                             std::shared_ptr<Delivery> delivery)
    : session{std::make_shared<client::HttpSession>(reactor, std::move(api_key),
                                                    options)},
      options_{options},
      delivery_{delivery ? std::move(delivery)
                         : std::make_shared<Delivery>(
                               reactor,
                               ParserOptions{.buffer_size = options.buffer_size,
                                             .max_metadata = options.max_metadata,
                                             .upgrade_policy = options.upgrade_policy,
                                             .fragment = std::nullopt},
                               this)},
      end_{reactor} {}

HistoricalClient::Impl::~Impl() { Close(); }

// ---- Calls of the user --------------------------------------------------------------

void HistoricalClient::Impl::SetRequest(const HistoricalRequest& request) {
  if (streaming()) {
    base::Throw(ErrorCode::InvalidState,
                "Request: a stream is in progress; Stop it or wait for its end");
  }
  request_ = request;
}

void HistoricalClient::Impl::Start() {
  if (!request_ || streaming()) {
    base::Throw(ErrorCode::InvalidState,
                streaming() ? "Start: a stream is already in progress"
                            : "Start: nothing was requested; call Request first");
  }
  end_.Disarm();
  delivery_->SetObserver(this);
  delivery_->BeginStream();
  delivery_->BeginFrames();
  refused_.Reset();
  request_id_.clear();
  body_done_ = false;
  const auto request =
      session->Post("timeseries.get_range", client::RangeParams(*request_));
  url_ = session->Describe(request);
  connection_ = session->FreshConnection();
  connection_->Send(request, this);
  if (delivery_->IsPaused()) connection_->Pause();
}

void HistoricalClient::Impl::Stop() {
  if (!streaming()) return;
  Close();
  end_.Defer([this] {
    delivery_->DeliverError(
        {ErrorCode::Cancelled, "the stream was stopped by this client (" + url_ + ")"});
  });
}

void HistoricalClient::Impl::Pause() {
  delivery_->Pause();
  if (connection_) connection_->Pause();
}

void HistoricalClient::Impl::Resume() { delivery_->Resume(); }

// ---- Stream -------------------------------------------------------------------------

// Recorded before the user hears of it: a handler may throw, stop or start another
// stream.
void HistoricalClient::Impl::OnHead(const proto::HttpHead& head) {
  request_id_ =
      base::Printable(session->redact()(head.Find("request-id").value_or("")));
  if (head.status / 100 != 2) refused_.Begin(head);
  const auto stream = delivery_->WatchStream();
  for (const auto& text : proto::WarningsOf(head, session->redact())) {
    on_warning(text);
    if (stream.ended()) return;
  }
}

void HistoricalClient::Impl::OnBody(std::span<const std::byte> piece,
                                    std::size_t& consumed) {
  if (refused_) {
    consumed = piece.size();
    if (!refused_.Append(piece)) FinishWithHttpError();
    return;
  }
  const auto stream = delivery_->WatchStream();
  (void)Deliver(piece, consumed);
  if (!stream.destroyed() && consumed != 0) delivery_->CountRead(consumed);
}

client::Flow HistoricalClient::Impl::Deliver(std::span<const std::byte> in,
                                             std::size_t& consumed) {
  const auto flow = delivery_->Inflate(in, consumed);
  if (flow == Flow::Failed) {
    End(delivery_->error());
    return Flow::Gone;
  }
  // What is held here comes first; until then nobody waits for the server.
  if (flow == Flow::Wait) connection_->Pause();
  return flow;
}

// First what is held here, then what the connection holds, then the socket.
void HistoricalClient::Impl::ContinueDelivery() {
  if (!connection_ || delivery_->IsBlocked()) return;
  if (DrainAndFinish() == Flow::Go) connection_->Resume();
}

void HistoricalClient::Impl::OnDone() {
  if (refused_) return FinishWithHttpError();
  body_done_ = true;
  (void)DrainAndFinish();
}

void HistoricalClient::Impl::OnFailure(Error error) { End(std::move(error)); }

// Delivers what the decompressor and the parser hold. After the last byte the stream
// ends.
client::Flow HistoricalClient::Impl::DrainAndFinish() {
  std::size_t none = 0;
  const auto flow = Deliver({}, none);
  if (flow != Flow::Go || !body_done_) return flow;
  if (auto cut = delivery_->Finish()) {
    End(std::move(cut));
  } else {
    Complete();
  }
  return Flow::Gone;
}

// ---- Ends ---------------------------------------------------------------------------

void HistoricalClient::Impl::Close() {
  if (connection_) {
    received_ = connection_->received();
    connection_->Cancel();
  }
  connection_.reset();
  delivery_->EndStream();
}

void HistoricalClient::Impl::Complete() {
  Close();
  on_complete();
}

void HistoricalClient::Impl::FinishWithHttpError() {
  End(refused_.ToError(url_, session->redact()));
}

void HistoricalClient::Impl::End(Error error) {
  Close();
  if (!error.http) {
    error.message += " (" + url_;
    if (!request_id_.empty()) error.message += ", request " + request_id_;
    error.message += ")";
  }
  error.message = session->redact()(error.message);
  delivery_->DeliverError(error);
}

// ---- Tasks --------------------------------------------------------------------------

client::HttpTask::Hooks HistoricalClient::Impl::HooksOf(CallId id) {
  return {.warn =
              [this, id, stream = delivery_->WatchStream()](const std::string& text) {
                on_warning(text);
                return !stream.destroyed() && tasks_.contains(id);
              },
          .release = [this, id]() -> std::unique_ptr<client::HttpTask> {
            auto node = tasks_.extract(id);
            return std::move(node.mapped());
          }};
}

HistoricalClient::CallId HistoricalClient::Impl::Call(client::HttpCall::Maker make,
                                                      bool repeatable,
                                                      CallHandler done) {
  if (!done)
    base::Throw(ErrorCode::InvalidArgument, "a call needs a handler for its result");
  const auto id = ++last_id_;
  auto task =
      std::make_unique<client::HttpCall>(session, HooksOf(id), options_.max_retries,
                                         repeatable, std::move(make), std::move(done));
  task->Begin();
  tasks_.emplace(id, std::move(task));
  return id;
}

HistoricalClient::CallId HistoricalClient::Impl::Download(
    const DownloadRequest& request, ProgressHandler progress, DownloadHandler done) {
  if (!done)
    base::Throw(ErrorCode::InvalidArgument,
                "Download: it needs a handler for its result");
  const bool range = request.url_path.empty();
  if (range) client::ValidateRange(request.range);
  const bool plain = std::ranges::all_of(request.url_path,
                                         [](char c) { return c > 0x20 && c < 0x7F; });
  if (!range && (!plain || !request.url_path.starts_with('/'))) {
    base::Throw(ErrorCode::InvalidArgument,
                "Download: url_path must begin with '/' and be ASCII without "
                "blanks: it is a "
                "path of the API's server");
  }
  if (request.path.empty()) {
    base::Throw(ErrorCode::InvalidArgument, "Download: path is empty");
  }
  const auto id = ++last_id_;
  auto task = std::make_unique<client::FileDownload>(
      session, HooksOf(id), options_.max_retries, request,
      range ? client::RangeParams(request.range) : Params{}, std::move(progress),
      std::move(done));
  task->Begin();
  tasks_.emplace(id, std::move(task));
  return id;
}

bool HistoricalClient::Impl::Cancel(CallId id) { return tasks_.erase(id) != 0; }

}  // namespace dbnloop
