#include "client/historical/http_connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proto/http_failure.hpp"

namespace dbnloop {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReceive = 64 * 1024;
constexpr int kReadsPerTurn = 8;  // then others have their turn

}  // namespace

HttpConnection::HttpConnection(Reactor* reactor, const net::TlsContext* tls,
                               const proto::Redactor* redact,
                               HttpConnectionOptions options)
    : reactor_{reactor},
      tls_context_{tls},
      redact_{redact},
      options_{std::move(options)},
      dialer_{reactor, options_.resolver},
      in_(kReceive) {}

HttpConnection::~HttpConnection() {
  Cancel();
  life_->destroyed = true;
}

// ---- Calls of the owner -------------------------------------------------------------

void HttpConnection::Send(const proto::HttpRequest& request, HttpListener* listener) {
  request_ = proto::Serialize(request, options_.url.HostHeader());
  listener_ = listener;
  paused_ = false;
  received_ = 0;
  reused_ = phase_ == Phase::Idle;
  if (reused_) return BeginExchange();
  Cancel();
  listener_ = listener;
  const auto& peer = options_.proxy ? *options_.proxy : options_.url;
  BeginPhase(Phase::Dialing, "connecting", options_.connect_timeout);
  dialer_.Dial(peer.host, peer.port,
               [this](net::Dialer::Result result) { OnDialed(std::move(result)); });
}

void HttpConnection::Cancel() noexcept {
  ++life_->exchange;
  listener_ = nullptr;
  dialer_.Cancel();
  CloseSocket();
}

void HttpConnection::CloseSocket() noexcept {
  if (interest_ != 0) reactor_->Remove(socket_.get());
  interest_ = 0;
  // In a child of fork it is the parent's stream that this would end.
  if (tls_ && !reactor_->InChild()) tls_->Shutdown();
  tls_.reset();
  response_.reset();
  socket_.Reset();
  for (auto* timer : {&timer_, &soon_}) {
    reactor_->Cancel(*timer);
    *timer = 0;
  }
  phase_ = Phase::Closed;
  in_at_ = in_end_ = 0;
  piece_ = {};
  out_.clear();
  sent_ = 0;
  eof_ = want_write_ = false;
}

void HttpConnection::Pause() noexcept {
  paused_ = true;
  if (!advancing_) UpdateInterest();
}

void HttpConnection::Resume() {
  if (paused_ || !piece_.empty()) resumed_turn_ = reactor_->Polls();
  paused_ = false;
  last_progress_ = reactor_->Now();
  Advance();
}

// A peer that closed, or that speaks unasked, is not used again.
bool HttpConnection::Reusable() const {
  if (phase_ != Phase::Idle || in_at_ != in_end_ || eof_) return false;
  if (tls_ && tls_->HasPending()) return false;
  std::byte one{};
  const auto n = ::recv(socket_.get(), &one, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// ---- Phases -------------------------------------------------------------------------

void HttpConnection::BeginPhase(Phase phase, const char* what, milliseconds limit) {
  phase_ = phase;
  in_body_ = extended_ = false;
  waiting_for_ = what;
  limit_ = limit;
  last_progress_ = reactor_->Now();
  ArmTimer(limit);
}

void HttpConnection::OnDialed(net::Dialer::Result result) {
  if (result.error) {
    (void)Fail(std::move(result.error));
    return;
  }
  socket_ = std::move(result.socket);
  peer_ = std::move(result.peer);
  if (options_.proxy && options_.url.tls) {
    out_ = TunnelRequest();
    sent_ = 0;
    response_.emplace(true);
    BeginPhase(Phase::Tunnel, "the proxy's tunnel", options_.tls_timeout);
  } else if (options_.url.tls) {
    tls_.emplace(*tls_context_, socket_.get(), options_.url.host);
    BeginPhase(Phase::Handshake, "the TLS handshake", options_.tls_timeout);
  } else {
    BeginExchange();
  }
  Advance();
}

base::SecretString HttpConnection::ProxyAuthorization(const proto::Url& proxy) {
  const auto& info = proxy.userinfo;
  const auto colon = std::min(info.find(':'), info.size());
  return proto::BasicAuth(
      proto::PercentDecode(info.substr(0, colon)),
      proto::PercentDecode(info.substr(std::min(colon + 1, info.size()))));
}

base::SecretString HttpConnection::TunnelRequest() const {
  proto::HttpRequest connect{.method = "CONNECT",
                             .target = options_.url.Authority(),
                             .headers = {},
                             .body = {}};
  if (!options_.proxy->userinfo.empty()) {
    connect.secrets.emplace_back("Proxy-Authorization",
                                 ProxyAuthorization(*options_.proxy));
  }
  return proto::Serialize(connect, options_.url.Authority());
}

void HttpConnection::BeginExchange() {
  out_ = std::exchange(request_, {});
  sent_ = 0;
  response_.emplace();
  BeginPhase(Phase::Exchange, "the response", options_.response_timeout);
  if (!advancing_) AdvanceSoon();
}

void HttpConnection::OnSocket() {
  last_event_ = reactor_->Now();
  // Nobody asked an idle connection: the peer closes it.
  if (phase_ == Phase::Idle) return CloseSocket();
  Advance();
}

// Goes as far as that goes without waiting.
void HttpConnection::Advance() {
  if (advancing_ || phase_ == Phase::Closed || phase_ == Phase::Dialing) return;
  const auto life = life_;
  const auto exchange = life->exchange;
  advancing_ = true;
  try {
    while (Step() == Flow::Go) {
    }
  } catch (...) {
    // A handler's exception passes; what is held comes in the next turn.
    if (!life->destroyed) {
      advancing_ = false;
      if (phase_ == Phase::Exchange) AdvanceSoon();
    }
    throw;
  }
  if (life->destroyed) return;
  advancing_ = false;
  // The listener may have begun another exchange on this connection.
  if (life->exchange != exchange && phase_ == Phase::Exchange) AdvanceSoon();
  UpdateInterest();
}

void HttpConnection::AdvanceSoon() {
  reactor_->Cancel(soon_);
  soon_ = reactor_->After({}, [this] {
    soon_ = 0;
    Advance();
  });
}

HttpConnection::Flow HttpConnection::Step() {
  switch (phase_) {
    case Phase::Tunnel:
      return StepTunnel();
    case Phase::Handshake:
      return StepHandshake();
    case Phase::Exchange:
      return StepExchange();
    default:
      return Flow::Wait;
  }
}

HttpConnection::Flow HttpConnection::StepTunnel() {
  if (const auto flow = SendOut(); flow == Flow::Stop) return flow;
  if (const auto flow = Receive(); flow != Flow::Go) return flow;
  for (;;) {
    const auto bytes = std::span{in_}.subspan(in_at_, in_end_ - in_at_);
    switch (response_->Next(bytes, in_at_)) {
      case proto::HttpResponse::Event::NeedMore:
        if (!eof_) return Flow::Go;
        return Fail({ErrorCode::ConnectionFailed,
                     "the proxy ended the connection without opening a tunnel"});
      case proto::HttpResponse::Event::Failed:
        return Fail(response_->error());
      case proto::HttpResponse::Event::Head:
        if (const auto& head = response_->head(); head.status / 100 != 2) {
          auto error = proto::FailureOf(
              head, {}, "proxy " + options_.proxy->Authority(), *redact_);
          return Fail({ErrorCode::ConnectionFailed,
                       "the proxy opens no tunnel: " + error.message, 0, error.http});
        }
        break;
      case proto::HttpResponse::Event::Body:
        break;
      case proto::HttpResponse::Event::Done:
        response_.reset();
        in_at_ = in_end_ = 0;
        tls_.emplace(*tls_context_, socket_.get(), options_.url.host);
        BeginPhase(Phase::Handshake, "the TLS handshake", options_.tls_timeout);
        return Flow::Go;
    }
  }
}

HttpConnection::Flow HttpConnection::StepHandshake() {
  const auto io = tls_->Handshake();
  want_write_ = io == net::TlsStream::Io::WantWrite;
  switch (io) {
    case net::TlsStream::Io::Done:
      BeginExchange();
      return Flow::Go;
    case net::TlsStream::Io::WantRead:
    case net::TlsStream::Io::WantWrite:
      return Flow::Wait;
    case net::TlsStream::Io::Closed:
      return Fail(
          {ErrorCode::TlsHandshakeFailed, "the peer ended TLS during the handshake"});
    case net::TlsStream::Io::Failed:
      break;
  }
  return Fail(tls_->error());
}

HttpConnection::Flow HttpConnection::StepExchange() {
  if (const auto flow = SendOut(); flow == Flow::Stop) return flow;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (const auto flow = Deliver(); flow != Flow::Go) return flow;
    if (eof_) return Ended();
    if (const auto flow = Receive(); flow != Flow::Go) return flow;
  }
  AdvanceSoon();  // more may lie in TLS, where no poll sees it
  return Flow::Wait;
}

// ---- Bytes --------------------------------------------------------------------------

// A peer that takes nothing any more may still have said why: that is found by reading.
HttpConnection::Flow HttpConnection::SendOut() {
  want_write_ = false;
  while (sent_ < out_.size()) {
    const auto rest = std::as_bytes(std::span{out_}).subspan(sent_);
    if (tls_) {
      const auto [io, n] = tls_->Write(rest);
      if (io == net::TlsStream::Io::WantWrite) want_write_ = true;
      if (io == net::TlsStream::Io::WantRead || want_write_) return Flow::Wait;
      if (io != net::TlsStream::Io::Done) break;
      sent_ += n;
      continue;
    }
    const auto n =
        ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      want_write_ = true;
      return Flow::Wait;
    }
    if (n < 0) break;
    sent_ += static_cast<std::size_t>(n);
  }
  out_ = {};  // it holds the key
  sent_ = 0;
  return Flow::Go;
}

// Fills in_; Wait when nothing is there, Go also at the end of input.
HttpConnection::Flow HttpConnection::Receive() {
  in_at_ = in_end_ = 0;
  if (tls_) {
    const auto [io, n] = tls_->Read(in_);
    switch (io) {
      case net::TlsStream::Io::Done:
        in_end_ = n;
        break;
      case net::TlsStream::Io::WantWrite:
        want_write_ = true;
        return Flow::Wait;
      case net::TlsStream::Io::WantRead:
        return Flow::Wait;
      case net::TlsStream::Io::Closed:
        eof_ = true;
        break;
      case net::TlsStream::Io::Failed:
        // Cut: no end of a body, whatever HTTP would make of it.
        return Fail(tls_->error());
    }
  } else {
    const auto n = ::recv(socket_.get(), in_.data(), in_.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) return Flow::Go;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Flow::Wait;
    if (n < 0) {
      const int reason = errno;
      return Fail({ErrorCode::ConnectionClosed,
                   std::string{"the connection broke: "} + std::strerror(reason),
                   reason});
    }
    in_end_ = static_cast<std::size_t>(n);
    eof_ = n == 0;
  }
  received_ += in_end_;
  if (in_end_ != 0 && in_body_) last_progress_ = reactor_->Now();
  return Flow::Go;
}

// Hands out what was received. Go: the socket is next.
HttpConnection::Flow HttpConnection::Deliver() {
  for (;;) {
    if (paused_) return Flow::Wait;
    if (!piece_.empty()) {
      if (const auto flow = Tell(proto::HttpResponse::Event::Body); flow != Flow::Go) {
        return flow;
      }
      continue;
    }
    const auto bytes = std::span{in_}.subspan(in_at_, in_end_ - in_at_);
    const auto event = response_->Next(bytes, in_at_);
    if (event == proto::HttpResponse::Event::NeedMore) return Flow::Go;
    if (event == proto::HttpResponse::Event::Body) piece_ = response_->body();
    if (const auto flow = Tell(event); flow != Flow::Go) return flow;
  }
}

// What the listener took is gone also when it throws.
template <typename Gone>
void HttpConnection::TakePiece(const Gone& gone) {
  struct Guard {
    HttpConnection* self;
    const Gone& gone;
    std::size_t taken = 0;
    ~Guard() {
      if (!gone())
        self->piece_ = self->piece_.subspan(std::min(taken, self->piece_.size()));
    }
  } guard{this, gone};
  listener_->OnBody(piece_, guard.taken);
}

HttpConnection::Flow HttpConnection::Tell(proto::HttpResponse::Event event) {
  using Event = proto::HttpResponse::Event;
  const auto life = life_;
  const auto gone = [&life, exchange = life->exchange] {
    return life->destroyed || life->exchange != exchange;
  };
  switch (event) {
    case Event::Head:
      // From here on silence counts; the head had to come in time as a whole.
      in_body_ = true;
      waiting_for_ = "the next bytes of the response";
      limit_ = options_.idle_timeout;
      last_progress_ = reactor_->Now();
      ArmTimer(limit_);
      listener_->OnHead(response_->head());
      return gone() ? Flow::Stop : Flow::Go;
    case Event::Body:
      TakePiece(gone);
      return gone() ? Flow::Stop : piece_.empty() ? Flow::Go : Flow::Wait;
    case Event::Done:
      return Finish();
    case Event::Failed:
      return Fail(response_->error());
    case Event::NeedMore:
      break;
  }
  return Flow::Go;
}

// ---- Ends ---------------------------------------------------------------------------

HttpConnection::Flow HttpConnection::Ended() { return Tell(response_->Finish()); }

HttpConnection::Flow HttpConnection::Finish() {
  const bool keep =
      response_->KeepAlive() && !eof_ && in_at_ == in_end_ && out_.empty();
  auto* const listener = std::exchange(listener_, nullptr);
  ++life_->exchange;
  if (keep) {
    response_.reset();
    reactor_->Cancel(timer_);
    timer_ = 0;
    phase_ = Phase::Idle;
    UpdateInterest();
  } else {
    CloseSocket();
  }
  listener->OnDone();
  return Flow::Stop;
}

HttpConnection::Flow HttpConnection::Fail(Error error) {
  error.message += Where();
  auto* const listener = listener_;
  Cancel();
  if (listener != nullptr) listener->OnFailure(std::move(error));
  return Flow::Stop;
}

std::string HttpConnection::Where() const {
  std::string where = " (" + options_.url.Authority();
  if (!peer_.empty()) where += ", address " + peer_;
  if (options_.proxy) where += ", by proxy " + options_.proxy->Authority();
  if (received_ != 0) where += ", " + std::to_string(received_) + " bytes received";
  return where + ")";
}

// ---- Reactor ------------------------------------------------------------------------

void HttpConnection::UpdateInterest() {
  if (!socket_) return;
  const bool held = (paused_ || !piece_.empty()) && phase_ == Phase::Exchange;
  const std::uint32_t wanted = (held ? 0U : EPOLLIN) | (want_write_ ? EPOLLOUT : 0U);
  if (wanted == interest_) return;
  const int fd = socket_.get();
  if (wanted == 0) {
    // Interest 0 would still report a reset, in every turn.
    reactor_->Remove(fd);
  } else if (interest_ == 0) {
    reactor_->Add(fd, wanted, [this](std::uint32_t) { OnSocket(); });
  } else {
    reactor_->Modify(fd, wanted);
  }
  interest_ = wanted;
}

void HttpConnection::ArmTimer(milliseconds delay) {
  Reactor::TimerId next = 0;
  if (delay.count() != 0) {
    next = reactor_->After(delay, [this] {
      timer_ = 0;
      OnTimer();
    });
  }
  reactor_->Cancel(std::exchange(timer_, next));
}

Reactor::Clock::time_point HttpConnection::LastSign() const noexcept {
  return phase_ == Phase::Dialing ? dialer_.LastAnswer() : last_event_;
}

// One timer per phase, not per read: it looks when the last bytes of the body came.
// What comes before the body, a byte at a time perhaps, must be there within the limit.
// The turn after a Resume is the first in which the socket is asked again: what was
// held before may have taken long.
void HttpConnection::OnTimer() {
  using std::chrono::duration_cast;
  const bool held = paused_ || !piece_.empty();
  const auto silence = duration_cast<milliseconds>(reactor_->Now() - last_progress_);
  if (phase_ == Phase::Exchange && held) return ArmTimer(limit_);
  if (in_body_ && reactor_->Polls() - resumed_turn_ <= 1) {
    last_progress_ = reactor_->Now();
    return ArmTimer(limit_);
  }
  if (silence < limit_) return ArmTimer(limit_ - silence);
  // What lies in here, perhaps the whole answer, was said in time.
  if (soon_ != 0) return ArmTimer(milliseconds{1});
  // The timer came late, and the peer had answered meanwhile: nobody was here to go on
  // from there. Once, or a trickle would never end.
  if (!in_body_ && LastSign() > last_progress_ + limit_ &&
      !std::exchange(extended_, true)) {
    last_progress_ = reactor_->Now();
    return ArmTimer(limit_);
  }
  std::string what = std::string{waiting_for_} + " took longer than " +
                     std::to_string(limit_.count()) + " ms";
  if (phase_ == Phase::Dialing) what += ": " + dialer_.Progress();
  (void)Fail({ErrorCode::Timeout, std::move(what)});
}

}  // namespace dbnloop
