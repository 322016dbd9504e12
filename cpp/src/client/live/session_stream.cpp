// The stream of records: socket, decompressor, parser, handlers.

#include "client/live/session.hpp"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace dbnloop {
namespace {

constexpr int kReadsPerTurn = 4;  // then others have their turn

}  // namespace

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
  // Who was not listened to was not silent.
  if ((wanted & EPOLLIN) != 0 && (interest_ & EPOLLIN) == 0) {
    last_byte_ = reactor_->Now();
  }
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
    if (n < kLiveReceive || client_->IsBlocked() || delivery_ != 0) break;
  }
  return Flow::Go;
}

std::size_t LiveClient::Session::ReadPlain() {
  const auto room = client_->parser_.WritableSpan();
  if (room.empty()) return 0;
  const auto n = Receive(room.first(std::min(room.size(), kLiveReceive))).value_or(0);
  client_->parser_.Commit(n);
  return n;
}

std::size_t LiveClient::Session::ReadCompressed() {
  if (compressed_at_ != compressed_end_) return 0;
  compressed_at_ = 0;
  compressed_end_ = Receive(compressed_).value_or(0);
  return compressed_end_;
}

// A compressed piece may be worked off over many turns, in which the socket is not
// read.
void LiveClient::Session::NoteWork() noexcept {
  const bool work = compressed_at_ != compressed_end_ || zstd_->HasPending();
  if (!work || read_turn_ == reactor_->Polls()) return;
  last_byte_ = reactor_->Now();
  worked_turn_ = reactor_->Polls();
}

// Whether something that came was not handed out yet, and makes no socket readable. The
// parser alone holds records only where a delivery is due.
bool LiveClient::Session::HoldsBytes() const {
  return client_->IsHeld() || delivery_ != 0 || HasMore();
}

// Be it the end of input. The socket is asked itself: epoll may not watch it.
bool LiveClient::Session::SocketHasBytes() const {
  std::byte one{};
  const auto n = ::recv(socket_.get(), &one, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

// Whether something that had come when this was asked first, at a deadline, has not
// been handed out yet. `mark` notes where it ends: a stream that never pauses would
// always be behind.
bool LiveClient::Session::IsBehind(std::optional<std::uint64_t>& mark) const {
  if (HoldsBytes() || SocketHasBytes()) {
    const auto read = client_->stats_.bytes_read;
    if (!mark) {
      int unread = 0;
      ::ioctl(socket_.get(), FIONREAD, &unread);
      mark = read + static_cast<std::uint64_t>(unread);
    }
    const auto held =
        zstd_ ? compressed_end_ - compressed_at_ : client_->parser_.buffered();
    if (read - std::min<std::uint64_t>(held, read) <= *mark) return true;
  }
  mark.reset();
  return false;
}

// How many bytes came; none when nothing did. Notes the end of input.
std::optional<std::size_t> LiveClient::Session::Receive(std::span<std::byte> into) {
  for (;;) {
    const auto n = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) {
      last_byte_ = reactor_->Now();
      read_turn_ = reactor_->Polls();
      client_->NoteRead(static_cast<std::size_t>(n));
      return static_cast<std::size_t>(n);
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    eof_ = true;
    eof_errno_ = n < 0 ? errno : 0;
    return std::nullopt;
  }
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

bool LiveClient::Session::HasMore() const {
  return eof_ || suspended_ ||
         (zstd_ && (compressed_at_ != compressed_end_ || zstd_->HasPending()));
}

// Empties parser and decompressor into the handlers, then tells of an end.
LiveClient::Session::Flow LiveClient::Session::Deliver() {
  switch (zstd_ ? Inflate() : client_->Pump()) {
    case PumpResult::Destroyed:
      return Flow::Stop;
    case PumpResult::Blocked:
      // Closed inside a handler? Then there is no socket, or a new one is dialled.
      return state == State::Disconnected || state == State::Connecting ? Flow::Stop
                                                                        : Flow::Go;
    case PumpResult::Failed:
      return End(client_->parser_.error() ? client_->parser_.error() : zstd_->error(),
                 Where());
    case PumpResult::Dry:
      break;
  }
  // This turn's share of a compressed stream may be used up.
  if (delivery_ != 0) return Flow::Go;
  return eof_ ? OnEof() : Flow::Go;
}

LiveClient::PumpResult LiveClient::Session::Inflate() {
  NoteWork();
  const auto in = std::span{compressed_}.first(compressed_end_);
  switch (client_->Inflate(*zstd_, in, compressed_at_)) {
    case InflateResult::Turn:
      ScheduleDelivery();
      return PumpResult::Dry;
    case InflateResult::Blocked:
      return PumpResult::Blocked;
    case InflateResult::Failed:
      return PumpResult::Failed;
    case InflateResult::Destroyed:
      return PumpResult::Destroyed;
    case InflateResult::Dry:
      break;
  }
  return PumpResult::Dry;
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

}  // namespace dbnloop
