#include "client/historical/impl.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "client/historical/file_download.hpp"
#include "dbnloop/exception.hpp"
#include "proto/http_failure.hpp"

namespace dbnloop {
namespace {

[[noreturn]] void Refuse(const char* message) {
  throw Exception{{ErrorCode::InvalidArgument, message}};
}

}  // namespace

HistoricalClient::Impl::Impl(HistoricalClient* client, Reactor* reactor,
                             base::SecretString api_key,
                             const HistoricalOptions& options)
    : session{std::make_shared<HttpSession>(reactor, std::move(api_key), options)},
      client_{client},
      options_{options} {}

HistoricalClient::Impl::~Impl() {
  Close();
  session->reactor()->Cancel(farewell_);
}

// ---- Calls of the user --------------------------------------------------------------

void HistoricalClient::Impl::SetRequest(const HistoricalRequest& request) {
  if (streaming()) {
    throw Exception{{ErrorCode::InvalidState,
                     "Request: a stream goes on; Stop it or wait for its end"}};
  }
  request_ = request;
}

void HistoricalClient::Impl::Start() {
  if (!request_ || streaming()) {
    throw Exception{{ErrorCode::InvalidState,
                     streaming() ? "Start: a stream goes on already"
                                 : "Start: nothing was requested; call Request first"}};
  }
  session->reactor()->Cancel(farewell_);
  farewell_ = 0;
  client_->BeginStream();
  zstd_.Reset();
  failed_ = {};
  failed_body_.clear();
  request_id_.clear();
  body_done_ = false;
  const auto request = session->Post("timeseries.get_range", RangeParams(*request_));
  url_ = session->Describe(request);
  connection_ = session->FreshConnection();
  connection_->Send(request, this);
  if (client_->IsPaused()) connection_->Pause();
}

void HistoricalClient::Impl::Stop() {
  if (!streaming()) return;
  Close();
  EndLater(
      {ErrorCode::Cancelled, "the stream was stopped by this client (" + url_ + ")"});
}

void HistoricalClient::Impl::Pause() {
  client_->SetPaused(true);
  if (connection_) connection_->Pause();
}

void HistoricalClient::Impl::Resume() {
  client_->SetPaused(false);
  if (connection_) ScheduleDelivery();
}

// First what is held here, then what the connection holds, then the socket.
void HistoricalClient::Impl::ScheduleDelivery() {
  auto* const reactor = session->reactor();
  reactor->Cancel(delivery_);
  delivery_ = reactor->After({}, [this] {
    delivery_ = 0;
    if (!connection_ || client_->IsBlocked()) return;
    if (DrainAndEnd() == Flow::Dry) connection_->Resume();
  });
}

bool HistoricalClient::Impl::HasMore() const {
  return body_done_ || zstd_.HasPending() || connection_ != nullptr;
}

// ---- Stream -------------------------------------------------------------------------

void HistoricalClient::Impl::OnHead(const proto::HttpHead& head) {
  // Noted before the user hears of it: a handler may throw, stop or start anew.
  request_id_ =
      base::Printable(session->redact()(head.Find("request-id").value_or("")));
  if (head.status / 100 != 2) failed_ = head;
  const auto control = client_->control();
  const auto stream = control->stream;
  for (const auto& text : proto::WarningsOf(head, session->redact())) {
    Warn(text);
    if (control->destroyed || !connection_ || control->stream != stream) return;
  }
}

void HistoricalClient::Impl::OnBody(std::span<const std::byte> piece,
                                    std::size_t& taken) {
  if (failed_.status != 0) {
    taken = piece.size();
    const auto room = proto::kMaxErrorBody - failed_body_.size();
    failed_body_.append(reinterpret_cast<const char*>(piece.data()),
                        std::min(room, piece.size()));
    // Enough to say what it is; the rest is not waited for.
    if (piece.size() > room) EndRefused();
    return;
  }
  const auto control = client_->control();
  (void)Deliver(piece, taken);
  if (!control->destroyed && taken != 0) client_->NoteRead(taken);
}

HistoricalClient::Impl::Flow HistoricalClient::Impl::Deliver(
    std::span<const std::byte> in, std::size_t& taken) {
  switch (client_->Inflate(zstd_, in, taken)) {
    case InflateResult::Dry:
      return Flow::Dry;
    case InflateResult::Turn:
      // What the decompressor holds comes first; until then nobody waits for the
      // server.
      connection_->Pause();
      ScheduleDelivery();
      return Flow::Held;
    case InflateResult::Blocked:
      return connection_ ? Flow::Held : Flow::Gone;
    case InflateResult::Failed:
      End(client_->parser_.error() ? client_->parser_.error() : zstd_.error());
      return Flow::Gone;
    case InflateResult::Destroyed:
      break;
  }
  return Flow::Gone;
}

void HistoricalClient::Impl::OnDone() {
  if (failed_.status != 0) return EndRefused();
  body_done_ = true;
  (void)DrainAndEnd();
}

void HistoricalClient::Impl::OnFailure(Error error) { End(std::move(error)); }

// What the decompressor and the parser hold; then, behind the last byte, the end.
HistoricalClient::Impl::Flow HistoricalClient::Impl::DrainAndEnd() {
  std::size_t none = 0;
  const auto flow = Deliver({}, none);
  if (flow != Flow::Dry || !body_done_) return flow;
  if (auto cut = zstd_.Finish()) {
    End(std::move(cut));
  } else if (auto error = client_->parser_.Finish()) {
    End(std::move(error));
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
  session->reactor()->Cancel(delivery_);
  delivery_ = 0;
  client_->StopDelivery();
}

void HistoricalClient::Impl::Complete() {
  Close();
  if (const auto handler = on_complete) (*handler)();
}

void HistoricalClient::Impl::EndRefused() {
  End(proto::FailureOf(failed_, failed_body_, url_, session->redact()));
}

void HistoricalClient::Impl::End(Error error) {
  Close();
  if (!error.http) {
    error.message += " (" + url_;
    if (!request_id_.empty()) error.message += ", request " + request_id_;
    error.message += ")";
  }
  error.message = session->redact()(error.message);
  client_->DeliverError(std::move(error));
}

void HistoricalClient::Impl::EndLater(Error error) {
  farewell_ = session->reactor()->After({}, [this, error = std::move(error)] {
    farewell_ = 0;
    client_->DeliverError(Error{error});
  });
}

void HistoricalClient::Impl::Warn(const std::string& text) {
  if (const auto handler = on_warning) (*handler)(text);
}

// ---- Tasks --------------------------------------------------------------------------

HttpTask::Hooks HistoricalClient::Impl::HooksOf(CallId id) {
  return {.warn =
              [this, id, control = client_->control()](const std::string& text) {
                Warn(text);
                return !control->destroyed && tasks_.contains(id);
              },
          .release = [this, id]() -> std::unique_ptr<HttpTask> {
            auto node = tasks_.extract(id);
            return std::move(node.mapped());
          }};
}

HistoricalClient::CallId HistoricalClient::Impl::Call(HttpCall::Maker make,
                                                      bool repeatable,
                                                      CallHandler done) {
  if (!done) Refuse("a call needs a handler of its result");
  const auto id = ++last_id_;
  auto task = std::make_unique<HttpCall>(session, HooksOf(id), options_.max_retries,
                                         repeatable, std::move(make), std::move(done));
  task->Begin();
  tasks_.emplace(id, std::move(task));
  return id;
}

HistoricalClient::CallId HistoricalClient::Impl::Download(
    const DownloadRequest& request, ProgressHandler progress, DownloadHandler done) {
  if (!done) Refuse("Download: it needs a handler of its result");
  const bool range = request.url_path.empty();
  if (range) ValidateRange(request.range);
  const bool plain = std::ranges::all_of(request.url_path,
                                         [](char c) { return c > 0x20 && c < 0x7F; });
  if (!range && (!plain || !request.url_path.starts_with('/'))) {
    Refuse(
        "Download: url_path must begin with '/' and be ASCII without blanks: it is a "
        "path of the API's server");
  }
  const auto id = ++last_id_;
  auto task = std::make_unique<FileDownload>(
      session, HooksOf(id), options_.max_retries, request,
      range ? RangeParams(request.range) : Params{}, std::move(progress),
      std::move(done));
  task->Begin();
  tasks_.emplace(id, std::move(task));
  return id;
}

bool HistoricalClient::Impl::Cancel(CallId id) { return tasks_.erase(id) != 0; }

}  // namespace dbnloop
