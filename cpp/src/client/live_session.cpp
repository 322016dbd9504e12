#include "client/live_session.hpp"

#include <openssl/crypto.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dbnloop/exception.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kReceive = 64 * 1024;       // at most, per read
constexpr int kReadsPerTurn = 4;                  // then others have their turn
constexpr std::size_t kTextBuffer = 4 * 1024;     // text lines are short
constexpr std::size_t kTurnOutput = 1024 * 1024;  // decompressed bytes per turn
constexpr seconds kDefaultHeartbeat{30};
constexpr milliseconds kStopLimit{5000};  // for what is in flight after Stop

std::string Millis(milliseconds value) { return std::to_string(value.count()) + " ms"; }

// The text of an error record, whichever layout its size tells, and its code if it has
// one.
std::string ErrorText(const RecordHeader& hd) {
  const auto size = hd.Size() - sizeof(RecordHeader);
  const auto* text = reinterpret_cast<const char*>(&hd + 1);
  const auto field = std::min(size, sizeof(ErrorMsg::err));
  auto words = proto::Quoted({text, ::strnlen(text, field)});
  if (hd.Size() >= sizeof(ErrorMsg)) {
    const auto code = reinterpret_cast<const ErrorMsg&>(hd).code;
    if (code != GatewayErrorCode::Unset) {
      words += " (" + std::string{ToString(code)} + ")";
    }
  }
  return words;
}

}  // namespace

LiveClient::Session::Session(LiveClient* client, Reactor* reactor, std::string api_key,
                             LiveOptions options)
    : client_{client},
      reactor_{reactor},
      api_key_{std::move(api_key)},
      options_{std::move(options)},
      dialer_{reactor} {
  NewText();
}

LiveClient::Session::~Session() {
  Reset();
  reactor_->Cancel(farewell_);
  OPENSSL_cleanse(api_key_.data(), api_key_.size());
}

void LiveClient::Session::NewText() {
  text_ = std::make_unique<proto::GatewaySession>(api_key_, options_);
}

// ---- Calls of the user --------------------------------------------------------------

void LiveClient::Session::Connect(std::string_view gateway, int port) {
  if (state != State::Disconnected) {
    throw Exception{{ErrorCode::InvalidState, "Connect: the client is " +
                                                  std::string{ToString(state)} +
                                                  " already; Close it first"}};
  }
  if (port < 1 || port > 65535) {
    throw Exception{
        {ErrorCode::InvalidArgument,
         "Connect: port " + std::to_string(port) + " is not in 1 to 65535"}};
  }
  reactor_->Cancel(farewell_);
  client_->BeginStream();
  gateway_ = gateway;
  port_ = port;
  peer.clear();
  state = State::Connecting;
  ArmConnectTimeout();
  if (!gateway_.empty()) {
    Dial(gateway_);
  } else if (!text_->dataset().empty()) {
    Dial(proto::GatewayHost(text_->dataset()));
  } else {
    awaiting_dataset_ = true;
  }
  if (on_state) {
    const auto notify = on_state;
    (*notify)(State::Connecting);
  }
}

std::uint32_t LiveClient::Session::Subscribe(const Subscription& subscription) {
  proto::ValidateSubscription(subscription);
  if (stopping_) {
    throw Exception{
        {ErrorCode::InvalidState, "Subscribe: the session is being stopped"}};
  }
  const auto& dataset = text_->dataset();
  if (subscription.dataset.empty() && dataset.empty()) {
    throw Exception{
        {ErrorCode::InvalidDataset,
         "Subscribe: no dataset is known; name it in the first subscription "
         "or in the options"}};
  }
  if (!subscription.dataset.empty() && !dataset.empty() &&
      subscription.dataset != dataset) {
    throw Exception{{ErrorCode::InvalidDataset,
                     "Subscribe: this session's dataset is " + dataset +
                         "; use another client for " + subscription.dataset}};
  }
  const auto id = text_->Subscribe(subscription);
  if (dataset.empty()) {
    text_->SetDataset(subscription.dataset);
    if (awaiting_dataset_) {
      awaiting_dataset_ = false;
      Dial(proto::GatewayHost(subscription.dataset));
    }
  }
  // What is queued goes out in the reactor's turn at the latest; an error of the socket
  // is told there too, never from inside this call.
  if (socket_) {
    Send();
    UpdateInterest();
  }
  return id;
}

void LiveClient::Session::Start() {
  if (text_->started()) {
    throw Exception{{ErrorCode::InvalidState,
                     "Start: this session was started already; a session begins once"}};
  }
  text_->Start();
  if (!socket_) return;
  Send();
  if (!InText()) ScheduleDelivery();  // the state changes in the next turn
  UpdateInterest();
}

void LiveClient::Session::Close() {
  client_->StopDelivery();
  reactor_->Cancel(farewell_);
  Reset();
  state = State::Disconnected;
}

void LiveClient::Session::Stop() {
  if (state == State::Disconnected || stopping_) return;
  // Inside a handler of records (or with a batch in a binding's hands, which is the
  // same) nothing more is wanted; before the stream nothing is in flight.
  if (state != State::Streaming || client_->control()->pumping || client_->IsHeld()) {
    auto reason = Cancelled();
    Close();
    return FarewellLater(std::move(reason));
  }
  stopping_ = true;
  text_->Sent(text_->Output().size());
  ::shutdown(socket_.get(), SHUT_WR);
  reactor_->Cancel(heartbeat_);
  deadline_ = reactor_->After(kStopLimit, [this] { End(Cancelled()); });
  UpdateInterest();
}

void LiveClient::Session::Pause() {
  client_->SetPaused(true);
  UpdateInterest();
}

void LiveClient::Session::Resume() {
  if (!client_->IsPaused()) return;
  client_->SetPaused(false);
  last_byte_ = reactor_->Now();  // the peer was held back by us: it is not silent
  ScheduleDelivery();
}

// ---- Connecting ---------------------------------------------------------------------

void LiveClient::Session::Dial(std::string host) {
  gateway_ = std::move(host);
  dialer_.Dial(gateway_, port_,
               [this](net::Dialer::Result result) { OnDialed(std::move(result)); });
}

void LiveClient::Session::OnDialed(net::Dialer::Result result) {
  if (result.error) {
    End(std::move(result.error));
    return;
  }
  socket_ = std::move(result.socket);
  peer = std::move(result.peer);
  last_byte_ = reactor_->Now();
  reactor_->Cancel(deadline_);
  ArmAuthTimeout();
  UpdateInterest();  // before the state's handler, which may throw
  static_cast<void>(SetState(State::Authenticating));
}

void LiveClient::Session::ArmConnectTimeout() {
  if (options_.connect_timeout.count() == 0) return;
  deadline_ = reactor_->After(options_.connect_timeout, [this] {
    OnTimeout("connecting", options_.connect_timeout,
              awaiting_dataset_ ? "no dataset was given to derive the gateway from: "
                                  "subscribe, or name the gateway"
                                : dialer_.Progress());
  });
}

void LiveClient::Session::ArmAuthTimeout() {
  if (options_.auth_timeout.count() == 0) return;
  deadline_ = reactor_->After(options_.auth_timeout, [this] {
    const bool no_dataset =
        text_->phase() == proto::GatewaySession::Phase::AwaitDataset;
    OnTimeout("authenticating", options_.auth_timeout,
              no_dataset ? "no dataset was given: subscribe, or name it in the options"
                         : "the gateway did not answer; check host and port");
  });
}

void LiveClient::Session::OnTimeout(const char* what, milliseconds limit,
                                    const std::string& detail) {
  End({ErrorCode::Timeout, std::string{what} + " took longer than " + Millis(limit) +
                               Where() + ": " + detail});
}

// ---- Socket -------------------------------------------------------------------------

bool LiveClient::Session::InText() const {
  return text_->phase() < proto::GatewaySession::Phase::Ready;
}

// A handshake goes on while paused; records do not.
bool LiveClient::Session::WantsToRead() const {
  return !eof_ && !suspended_ && (InText() || !client_->IsPaused());
}

void LiveClient::Session::UpdateInterest() {
  if (!socket_) return;
  const std::uint32_t wanted =
      (WantsToRead() ? EPOLLIN : 0U) | (text_->Output().empty() ? 0U : EPOLLOUT);
  if (wanted == interest_) return;
  const int fd = socket_.get();
  if (wanted == 0) {
    // Interest 0 would still report a reset, in every turn.
    reactor_->Remove(fd);
  } else if (interest_ == 0) {
    reactor_->Add(fd, wanted, [this](std::uint32_t events) { OnSocket(events); });
  } else {
    reactor_->Modify(fd, wanted);
  }
  interest_ = wanted;
}

// False when the peer takes nothing any more; what it sent can still be read.
bool LiveClient::Session::Send() {
  while (!text_->Output().empty()) {
    const auto out = text_->Output();
    const auto n =
        ::send(socket_.get(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      text_->Sent(static_cast<std::size_t>(n));
    } else if (errno == EINTR) {
      continue;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else {
      text_->Sent(out.size());
      return false;
    }
  }
  return true;
}

void LiveClient::Session::OnSocket(std::uint32_t events) {
  if (!Send()) events |= EPOLLERR;
  // Errors and hang-ups are found by reading, behind the last bytes.
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && WantsToRead()) {
    // A batch is mostly released before the loop comes here again, so that the socket
    // needs not be taken from epoll for each. Here it was not.
    suspended_ = client_->IsHeld();
    if (!suspended_ && Read() == Flow::Stop) return;
  }
  UpdateInterest();
}

LiveClient::Session::Flow LiveClient::Session::Read() {
  if (InText()) return ReadText();
  if (FollowPhase() == Flow::Stop) return Flow::Stop;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const auto n = zstd_ ? ReadCompressed() : ReadPlain();
    if (Deliver() == Flow::Stop) return Flow::Stop;
    // A short read has emptied the socket; what else there is comes in the next turn.
    if (n < kReceive || client_->IsBlocked() || delivery_ != 0) break;
  }
  return Flow::Go;
}

std::size_t LiveClient::Session::ReadPlain() {
  const auto room = client_->parser_.WritableSpan();
  if (room.empty()) return 0;
  const auto n = Receive(room.first(std::min(room.size(), kReceive))).value_or(0);
  client_->parser_.Commit(n);
  return n;
}

std::size_t LiveClient::Session::ReadCompressed() {
  if (compressed_at_ != compressed_end_) return 0;
  compressed_at_ = 0;
  compressed_end_ = Receive(compressed_).value_or(0);
  return compressed_end_;
}

// How many bytes came; none when nothing did. Notes the end of input.
std::optional<std::size_t> LiveClient::Session::Receive(std::span<std::byte> into) {
  for (;;) {
    const auto n = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) {
      last_byte_ = reactor_->Now();
      received_ += static_cast<std::uint64_t>(n);
      return static_cast<std::size_t>(n);
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    eof_ = true;
    eof_errno_ = n < 0 ? errno : 0;
    return std::nullopt;
  }
}

// ---- Text phase ---------------------------------------------------------------------

LiveClient::Session::Flow LiveClient::Session::ReadText() {
  std::array<std::byte, kTextBuffer> buffer;
  const auto n = Receive(buffer);
  if (!n) return eof_ ? OnEof() : Flow::Go;
  return TakeText(std::span{buffer}.first(*n));
}

LiveClient::Session::Flow LiveClient::Session::TakeText(
    std::span<const std::byte> bytes) {
  if (!held_text_.empty()) {
    held_text_.insert(held_text_.end(), bytes.begin(), bytes.end());
    const auto all = std::exchange(held_text_, {});
    return TakeText(all);
  }
  const auto taken = text_->Receive(bytes);
  if (text_->error()) {
    End(text_->error());
    return Flow::Stop;
  }
  const auto rest = bytes.subspan(taken);
  if (text_->phase() == proto::GatewaySession::Phase::AwaitDataset) {
    held_text_.assign(rest.begin(), rest.end());
    if (held_text_.size() > kTextBuffer) {
      End({ErrorCode::LimitExceeded,
           "the peer sends without having been asked to" + Where()});
      return Flow::Stop;
    }
    return Flow::Go;
  }
  Send();
  if (InText()) return Flow::Go;
  BeginRecords(rest);
  if (FollowPhase() == Flow::Stop) return Flow::Stop;
  return Deliver();
}

// Behind the authentication response the stream begins, perhaps in the same segment:
// those bytes are taken in before any state is told, as a state handler may throw.
void LiveClient::Session::BeginRecords(std::span<const std::byte> bytes) {
  reactor_->Cancel(deadline_);
  ArmHeartbeat(options_.heartbeat_interval.value_or(kDefaultHeartbeat) +
               options_.heartbeat_grace);
  if (options_.compression == Compression::Zstd) {
    zstd_ = std::make_unique<proto::ZstdStream>();
    compressed_.resize(kReceive);
  }
  if (bytes.empty()) return;
  Ingest(bytes);
  ScheduleDelivery();
}

// Tells the user of what the text session has reached.
LiveClient::Session::Flow LiveClient::Session::FollowPhase() {
  using Phase = proto::GatewaySession::Phase;
  const auto phase = text_->phase();
  if ((phase == Phase::Ready || phase == Phase::Streaming) &&
      state == State::Authenticating) {
    if (SetState(State::Ready) == Flow::Stop) return Flow::Stop;
  }
  // A state handler may have started the session, or closed it.
  if (text_->phase() == Phase::Streaming && state == State::Ready) {
    last_byte_ = reactor_->Now();  // the gateway need not speak before it is asked to
    return SetState(State::Streaming);
  }
  return Flow::Go;
}

LiveClient::Session::Flow LiveClient::Session::SetState(State next) {
  state = next;
  if (!on_state) return Flow::Go;
  const auto control = client_->control();
  const auto notify = on_state;
  const int fd = socket_.get();
  (*notify)(next);
  if (control->destroyed) return Flow::Stop;
  // Closed, or closed and connected anew, by the handler.
  return state == next || (socket_ && socket_.get() == fd) ? Flow::Go : Flow::Stop;
}

// ---- Records ------------------------------------------------------------------------

// The bytes that came with the last text line; few, and the buffers are empty.
void LiveClient::Session::Ingest(std::span<const std::byte> bytes) {
  if (zstd_) {
    std::ranges::copy(bytes, compressed_.begin());
    compressed_at_ = 0;
    compressed_end_ = bytes.size();
  } else {
    client_->parser_.Push(bytes);
  }
}

// One step from the decompressor into the parser; false when it has nothing to give.
bool LiveClient::Session::Decompress() {
  const std::span<const std::byte> in{compressed_.data() + compressed_at_,
                                      compressed_end_ - compressed_at_};
  if (in.empty() && !zstd_->HasPending()) return false;
  const auto room = client_->parser_.WritableSpan();
  if (room.empty()) return false;
  const auto [consumed, produced] = zstd_->Decompress(in, room);
  compressed_at_ += consumed;
  client_->parser_.Commit(produced);
  return consumed != 0 || produced != 0;
}

bool LiveClient::Session::HasMore() const {
  return eof_ || suspended_ ||
         (zstd_ && (compressed_at_ != compressed_end_ || zstd_->HasPending()));
}

// Empties parser and decompressor into the handlers, then tells of an end.
LiveClient::Session::Flow LiveClient::Session::Deliver() {
  const auto turn_began = client_->parser_.offset();
  for (;;) {
    switch (client_->Pump()) {
      case PumpResult::Destroyed:
        return Flow::Stop;
      case PumpResult::Blocked:
        // Closed inside a handler? Then there is no socket, or a new one is dialled.
        return state == State::Disconnected || state == State::Connecting ? Flow::Stop
                                                                          : Flow::Go;
      case PumpResult::Failed:
        return End(client_->parser_.error(), Where());
      case PumpResult::Dry:
        break;
    }
    if (!zstd_) break;
    if (client_->parser_.offset() - turn_began > kTurnOutput) {
      ScheduleDelivery();
      return Flow::Go;
    }
    const bool progress = Decompress();
    if (!progress && zstd_->error()) return End(zstd_->error(), Where());
    if (!progress) break;
  }
  return eof_ ? OnEof() : Flow::Go;
}

void LiveClient::Session::ScheduleDelivery() {
  reactor_->Cancel(delivery_);
  delivery_ = reactor_->After({}, [this] {
    delivery_ = 0;
    suspended_ = false;
    if (!socket_ || FollowPhase() == Flow::Stop) return;
    if (InText() || Deliver() == Flow::Go) UpdateInterest();
  });
}

// An error record right before the end is the end's reason; one that records follow is
// not.
void LiveClient::Session::ObserveErrors(const RecordBatch& batch) {
  const auto& last = batch.runs.back();
  gateway_error_.clear();
  if (last.rtype != RType::Error) return;
  const auto* at = batch.data + batch.size - last.record_size;
  gateway_error_ = ErrorText(*reinterpret_cast<const RecordHeader*>(at));
}

// ---- Ends ---------------------------------------------------------------------------

// Everything that came was handed out; says why nothing more comes.
LiveClient::Session::Flow LiveClient::Session::OnEof() {
  if (stopping_) return End(Cancelled());
  if (InText()) {
    auto error = text_->Finish();
    error.os_errno = eof_errno_;
    return End(std::move(error), Where());
  }
  if (!gateway_error_.empty()) {
    return End(
        {ErrorCode::GatewayError,
         "the gateway closed the session after the error " + gateway_error_ + Where(),
         eof_errno_});
  }
  const auto& parser = client_->parser_;
  const bool cut =
      (parser.metadata() != nullptr || parser.buffered() != 0) && parser.Finish();
  if (eof_errno_ != 0) {
    return End({ErrorCode::ConnectionClosed,
                std::string{"the connection broke: "} + std::strerror(eof_errno_) +
                    (cut ? ", inside a record" : "") + Where(),
                eof_errno_});
  }
  if (cut) return End(parser.Finish(), Where());
  // Inside a frame the decompressor may hold records that it could not give out.
  if (zstd_ && zstd_->Finish()) return End(zstd_->Finish(), Where());
  return End(
      {ErrorCode::ConnectionClosed, "the gateway closed the session" + Where() +
                                        "; connect again and subscribe to go on"});
}

std::string LiveClient::Session::Where() const {
  std::string where;
  if (!gateway_.empty())
    where = " (gateway " + gateway_ + " port " + std::to_string(port_);
  if (where.empty()) return where;
  if (!peer.empty()) where += ", address " + peer;
  if (session_id() != 0) where += ", session " + std::to_string(session_id());
  if (received_ != 0) where += ", " + std::to_string(received_) + " bytes received";
  return where + ")";
}

Error LiveClient::Session::Cancelled() const {
  return {ErrorCode::Cancelled, "the session was stopped by this client" + Where()};
}

LiveClient::Session::Flow LiveClient::Session::End(Error error,
                                                   const std::string& where) {
  error.message += where;
  Close();
  Farewell(error);
  return Flow::Stop;
}

void LiveClient::Session::FarewellLater(Error error) {
  farewell_ =
      reactor_->After({}, [this, error = std::move(error)] { Farewell(Error{error}); });
}

// The state, then the reason: OnError is the last of a session. When the state's
// handler throws, the reason comes in the next turn.
void LiveClient::Session::Farewell(const Error& error) {
  const auto control = client_->control();
  if (const auto notify = on_state) {
    try {
      (*notify)(State::Disconnected);
    } catch (...) {
      if (!control->destroyed && state == State::Disconnected) {
        farewell_ =
            reactor_->After({}, [this, error] { client_->DeliverError(Error{error}); });
      }
      throw;
    }
  }
  // A state handler may have destroyed the client or begun a new session.
  if (!control->destroyed && state == State::Disconnected) client_->DeliverError(error);
}

void LiveClient::Session::Reset() {
  dialer_.Cancel();
  if (interest_ != 0) reactor_->Remove(socket_.get());
  interest_ = 0;
  socket_.Reset();
  for (auto* timer : {&deadline_, &heartbeat_, &delivery_}) {
    reactor_->Cancel(*timer);
    *timer = 0;
  }
  awaiting_dataset_ = false;
  held_text_.clear();
  zstd_.reset();
  compressed_at_ = compressed_end_ = 0;
  eof_ = suspended_ = stopping_ = false;
  eof_errno_ = 0;
  received_ = 0;
  gateway_error_.clear();
  NewText();
}

// ---- Heartbeat ----------------------------------------------------------------------

void LiveClient::Session::ArmHeartbeat(Reactor::Clock::duration delay) {
  heartbeat_ = reactor_->After(delay, [this] { OnHeartbeatCheck(); });
}

// One timer per interval, not per read: it looks when the last byte came.
void LiveClient::Session::OnHeartbeatCheck() {
  const Reactor::Clock::duration limit =
      options_.heartbeat_interval.value_or(kDefaultHeartbeat) +
      options_.heartbeat_grace;
  const auto silence = reactor_->Now() - last_byte_;
  if (state != State::Streaming || client_->IsPaused() || client_->IsHeld()) {
    return ArmHeartbeat(limit);
  }
  if (silence < limit) return ArmHeartbeat(limit - silence);
  End({ErrorCode::HeartbeatTimeout,
       "no byte came for " + Millis(std::chrono::duration_cast<milliseconds>(silence)) +
           ", longer than the heartbeat interval and its grace allow" + Where()});
}

}  // namespace dbnloop
