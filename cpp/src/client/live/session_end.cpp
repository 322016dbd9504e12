// How a session ends: why, and in which order it is told.

#include "client/live/session.hpp"

#include <cstring>
#include <utility>

namespace dbnloop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDefaultHeartbeat{30};

std::string Millis(milliseconds value) { return std::to_string(value.count()) + " ms"; }

}  // namespace

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
  auto cut = client_->parser_.Finish();
  if (cut.code == ErrorCode::ParseError && client_->parser_.buffered() != 0 &&
      eof_errno_ == 0) {
    return End(std::move(cut), Where());  // all that came, and it is not DBN
  }
  // Inside a frame the decompressor may hold records that it could not give out.
  if (cut.code != ErrorCode::Truncated && zstd_) cut = zstd_->Finish();
  const auto inside =
      cut.code == ErrorCode::Truncated ? "; " + cut.message : std::string{};
  if (eof_errno_ != 0) {
    return End({ErrorCode::ConnectionClosed,
                std::string{"the connection broke: "} + std::strerror(eof_errno_) +
                    inside + Where(),
                eof_errno_});
  }
  return End({ErrorCode::ConnectionClosed,
              "the gateway closed the session" + inside + Where() +
                  "; connect again and subscribe to resume"});
}

std::string LiveClient::Session::Where() const {
  std::string where;
  if (!gateway_.empty())
    where = " (gateway " + gateway_ + " port " + std::to_string(port_);
  if (where.empty()) return where;
  if (!peer.empty()) where += ", address " + peer;
  if (!session_id_text.empty()) where += ", session " + session_id_text;
  if (const auto n = client_->stats_.bytes_read; n != 0) {
    where += ", " + std::to_string(n) + " bytes received";
  }
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

// Memory first: without it nothing has changed, and the session can be ended again.
void LiveClient::Session::Reset() {
  auto fresh = NewText();
  LetGo();
  text_ = std::move(fresh);
}

// Needs no memory: it is all that the destructor does.
void LiveClient::Session::LetGo() noexcept {
  dialer_.Cancel();
  if (interest_ != 0) reactor_->Remove(socket_.get());
  interest_ = 0;
  socket_.Reset();
  for (auto* timer : {&deadline_, &heartbeat_, &delivery_, &ack_}) {
    reactor_->Cancel(*timer);
    *timer = 0;
  }
  awaiting_dataset_ = false;
  held_text_.clear();
  zstd_.reset();
  compressed_at_ = compressed_end_ = 0;
  eof_ = suspended_ = stopping_ = false;
  eof_errno_ = 0;
  acks_.clear();
  ack_mark_.reset();
  stop_mark_.reset();
  observed.clear();
  gateway_error_.clear();
}

void LiveClient::Session::OnTimeout(const char* what, milliseconds limit,
                                    const std::string& detail) {
  End({ErrorCode::Timeout, std::string{what} + " took longer than " + Millis(limit) +
                               Where() + ": " + detail});
}

// ---- Heartbeat ----------------------------------------------------------------------

Reactor::Clock::duration LiveClient::Session::HeartbeatLimit() const {
  return options_.heartbeat_interval.value_or(kDefaultHeartbeat) +
         options_.heartbeat_grace;
}

void LiveClient::Session::ArmHeartbeat(Reactor::Clock::duration delay) {
  heartbeat_ = reactor_->After(delay, [this] { OnHeartbeatCheck(); });
}

// One timer per interval, not per read: it looks when the last byte came. While the
// socket is not read, be it for bytes that came before, the peer is not silent; the
// turn after those bytes is the first in which it is read again.
void LiveClient::Session::OnHeartbeatCheck() {
  const auto limit = HeartbeatLimit();
  const auto now = reactor_->Now();
  const bool worked = HoldsBytes() || reactor_->Polls() - worked_turn_ <= 1;
  if (state != State::Streaming || client_->IsPaused() || worked) {
    last_byte_ = now;
    return ArmHeartbeat(limit);
  }
  const auto silence = now - last_byte_;
  if (silence < limit) return ArmHeartbeat(limit - silence);
  if (SocketHasBytes()) return ArmHeartbeat(limit);
  End({ErrorCode::HeartbeatTimeout,
       "no byte came for " + Millis(std::chrono::duration_cast<milliseconds>(silence)) +
           ", longer than the heartbeat interval and its grace allow" + Where()});
}

}  // namespace dbnloop
