// The stream of records: socket, decompressor, parser, handlers.

#include "client/live/session.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "client/turn_budget.hpp"

namespace dbnloop {

// ---- Socket -------------------------------------------------------------------------

bool LiveClient::Session::InText() const {
  return text_->phase() < proto::GatewaySession::Phase::Ready;
}

// A handshake continues while paused; records do not.
bool LiveClient::Session::WantsToRead() const {
  return !eof_ && !suspended_ && (InText() || !delivery_->IsPaused());
}

void LiveClient::Session::UpdateInterest() {
  if (!socket_) return;
  const std::uint32_t wanted =
      (WantsToRead() ? EPOLLIN : 0U) | (text_->Output().empty() ? 0U : EPOLLOUT);
  if (wanted == interest_) return;
  const int fd = socket_.get();
  // A peer that was not read from was not silent.
  if ((wanted & EPOLLIN) != 0 && (interest_ & EPOLLIN) == 0) {
    silent_since_ = reactor_->Now();
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

// Returns false when the peer accepts no more bytes; what it sent can still be read.
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
  // Errors and hang-ups are found by reading, after the last bytes.
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && WantsToRead()) {
    // A batch is usually released before the socket is ready again, so the socket stays
    // in epoll meanwhile. This one was not.
    suspended_ = delivery_->IsHeld();
    if (!suspended_ && Read() == Flow::Gone) return;
  }
  UpdateInterest();
}

client::Flow LiveClient::Session::Read() {
  if (InText()) return ReadText();
  if (FollowPhase() == Flow::Gone) return Flow::Gone;
  const int reads = reactor_->ReadyFds() > client::kCrowd ? 1 : client::kTurnReads;
  for (int i = 0; i < reads; ++i) {
    const bool compressed = delivery_->IsCompressed();
    const auto n = compressed ? ReadCompressed() : ReadPlain();
    // A short read has emptied the socket, or filled the parser; what else there is
    // comes in the next turn.
    const bool last = n < client::kReceiveBytes || i + 1 == reads;
    // What may be held is one batch a turn: several reads go into it.
    if (!last && !compressed && delivery_->MayHold()) continue;
    if (const auto flow = Deliver(); flow != Flow::Go) return flow;
    if (last) break;
  }
  return Flow::Go;
}

std::size_t LiveClient::Session::ReadPlain() {
  const auto room = delivery_->parser().WritableSpan();
  if (room.empty()) return 0;
  const auto n =
      Receive(room.first(std::min(room.size(), client::kReceiveBytes))).value_or(0);
  delivery_->parser().Commit(n);
  return n;
}

std::size_t LiveClient::Session::ReadCompressed() {
  if (compressed_at_ != compressed_end_) return 0;
  compressed_at_ = 0;
  compressed_end_ = Receive(compressed_).value_or(0);
  return compressed_end_;
}

// Working off a compressed piece may take many turns, in which the socket is not read.
void LiveClient::Session::RestartSilence() noexcept {
  const bool work = compressed_at_ != compressed_end_ || delivery_->HasPending();
  if (!work || read_turn_ == reactor_->Polls()) return;
  silent_since_ = reactor_->Now();
  worked_turn_ = reactor_->Polls();
}

// Whether something that arrived was not delivered yet, and makes no socket readable.
// The parser alone holds records only where a delivery is scheduled.
bool LiveClient::Session::HoldsBytes() const {
  return delivery_->IsHeld() || delivery_->scheduled() || delivery_->HasPending() ||
         HasMore();
}

// The end of input counts too. The socket itself is asked: epoll may not watch it.
bool LiveClient::Session::SocketHasBytes() const {
  std::byte one{};
  const auto n = ::recv(socket_.get(), &one, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

// Whether something that had arrived when this was asked first, at a deadline, has not
// been delivered yet. `mark` records where it ends: in a stream that never pauses there
// would always be more.
bool LiveClient::Session::IsBehind(std::optional<std::uint64_t>& mark) const {
  if (HoldsBytes() || SocketHasBytes()) {
    const auto read = delivery_->counters().bytes_read();
    if (!mark) {
      int unread = 0;
      ::ioctl(socket_.get(), FIONREAD, &unread);
      mark = read + static_cast<std::uint64_t>(unread);
    }
    const auto held = delivery_->IsCompressed() ? compressed_end_ - compressed_at_
                                                : delivery_->parser().buffered();
    if (read - std::min<std::uint64_t>(held, read) <= *mark) return true;
  }
  mark.reset();
  return false;
}

// The number of bytes that arrived; nullopt when none did. Records the end of input.
std::optional<std::size_t> LiveClient::Session::Receive(std::span<std::byte> into) {
  for (;;) {
    const auto n = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) {
      silent_since_ = reactor_->Now();
      read_turn_ = reactor_->Polls();
      delivery_->CountRead(static_cast<std::size_t>(n));
      AcknowledgeAtOnce();
      return static_cast<std::size_t>(n);
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    eof_ = true;
    eof_errno_ = n < 0 ? errno : 0;
    return std::nullopt;
  }
}

// The system forgets it after a few segments, so it is asked for after each read.
void LiveClient::Session::AcknowledgeAtOnce() const noexcept {
  if (!options_.quick_ack) return;
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

// ---- Records ------------------------------------------------------------------------

// Stores the bytes that followed the last text line: they are few, and the buffers are
// empty.
void LiveClient::Session::Ingest(std::span<const std::byte> bytes) {
  if (delivery_->IsCompressed()) {
    std::ranges::copy(bytes, compressed_.begin());
    compressed_at_ = 0;
    compressed_end_ = bytes.size();
  } else {
    delivery_->parser().Push(bytes);
  }
}

bool LiveClient::Session::HasMore() const {
  return eof_ || suspended_ || compressed_at_ != compressed_end_;
}

// Empties parser and decompressor into the handlers, then reports an end.
client::Flow LiveClient::Session::Deliver() {
  RestartSilence();
  const auto flow =
      delivery_->IsCompressed()
          ? delivery_->Inflate(std::span{compressed_}.first(compressed_end_),
                               compressed_at_)
          : delivery_->Pump();
  if (flow == Flow::Failed) return End(delivery_->error(), Where());
  return flow == Flow::Go && eof_ ? OnEof() : flow;
}

void LiveClient::Session::ContinueDelivery() {
  suspended_ = false;
  if (!socket_ || FollowPhase() == Flow::Gone) return;
  if (InText() || Deliver() != Flow::Gone) UpdateInterest();
}

}  // namespace dbnloop
