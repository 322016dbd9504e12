// How a session ends: why, and in which order that is reported.

#include "client/live/session.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "base/str_cat.hpp"

namespace dbnloop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDefaultHeartbeat{30};

std::string Millis(milliseconds value) { return base::StrCat(value.count(), " ms"); }

}  // namespace

// ---- Ends ---------------------------------------------------------------------------

// Everything that arrived was delivered. Without memory to say so the end is read
// again.
client::Flow LiveClient::Session::OnEof() {
  const auto stream = delivery_->WatchStream();
  try {
    return EndAtEof();
  } catch (const std::bad_alloc&) {
    if (!stream.ended()) {
      eof_ = false;
      UpdateInterest();
    }
    throw;
  }
}

// Finds out why no more comes.
client::Flow LiveClient::Session::EndAtEof() {
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
  auto cut = delivery_->parser().Finish();
  if (cut.code == ErrorCode::ParseError && delivery_->parser().buffered() != 0 &&
      eof_errno_ == 0) {
    return End(std::move(cut), Where());  // everything that came is not DBN
  }
  // Inside a frame the decompressor may hold records that it could not produce.
  if (cut.code != ErrorCode::Truncated) cut = delivery_->FinishFrame();
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
  if (!gateway_.empty()) where = base::StrCat(" (gateway ", gateway_, " port ", port_);
  if (where.empty()) return where;
  if (!peer_.empty()) where += ", address " + peer_;
  if (!session_id_text_.empty()) where += ", session " + session_id_text_;
  if (const auto n = delivery_->counters().bytes_read(); n != 0) {
    where += base::StrCat(", ", n, " bytes received");
  }
  return where + ")";
}

Error LiveClient::Session::Cancelled() const {
  return {ErrorCode::Cancelled, "the session was stopped by this client" + Where()};
}

client::Flow LiveClient::Session::End(Error error, const std::string& where) {
  error.message += where;
  Close();
  NotifyEnd(error);
  return Flow::Gone;
}

void LiveClient::Session::NotifyEndLater(Error error) {
  end_.Defer([this, error = std::move(error)] { NotifyEnd(error); });
}

// The state, then the reason: OnError is the last of a session. When the state's
// handler throws, the reason comes in the next turn.
void LiveClient::Session::NotifyEnd(const Error& error) {
  const auto stream = delivery_->WatchStream();
  // A state handler may have destroyed the client or begun a new session.
  const auto is_over = [&] {
    return !stream.destroyed() && state() == State::Disconnected;
  };
  try {
    on_state(State::Disconnected);
  } catch (...) {
    if (is_over()) end_.Defer([this, error] { delivery_->DeliverError(error); });
    throw;
  }
  if (is_over()) delivery_->DeliverError(error);
}

// Needs no memory: the destructor does nothing else.
void LiveClient::Session::Teardown() noexcept {
  dialer_.Cancel();
  if (interest_ != 0) reactor_->Remove(socket_.get());
  interest_ = 0;
  socket_.Reset();
  for (auto* timer : {&deadline_, &heartbeat_, &ack_}) timer->Disarm();
  awaiting_dataset_ = false;
  held_text_.clear();
  compressed_at_ = compressed_end_ = 0;
  eof_ = suspended_ = stopping_ = false;
  eof_errno_ = 0;
  acks_.clear();
  ack_mark_.reset();
  stop_mark_.reset();
  observed_.clear();
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
  heartbeat_.Arm(delay, [this] { OnHeartbeatCheck(); });
}

// One timer per interval, not per read: it checks when the last byte arrived. While the
// socket is not read, also because of bytes that arrived before, the peer is not
// silent; the turn after those bytes is the first in which it is read again.
void LiveClient::Session::OnHeartbeatCheck() {
  const auto limit = HeartbeatLimit();
  const auto now = reactor_->Now();
  const bool worked = HoldsBytes() || reactor_->Polls() - worked_turn_ <= 1;
  if (state() != State::Streaming || delivery_->IsPaused() || worked) {
    silent_since_ = now;
    return ArmHeartbeat(limit);
  }
  const auto silence = now - silent_since_;
  if (silence < limit) return ArmHeartbeat(limit - silence);
  if (SocketHasBytes()) return ArmHeartbeat(limit);
  End({ErrorCode::HeartbeatTimeout,
       "no byte came for " + Millis(std::chrono::duration_cast<milliseconds>(silence)) +
           ", longer than the heartbeat interval and its grace allow" + Where()});
}

}  // namespace dbnloop
