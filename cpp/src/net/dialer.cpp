#include "net/dialer.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace dbnloop::net {
namespace {

// A silent address must not use up the time of those behind it.
constexpr std::chrono::milliseconds kAttempt{2500};

}  // namespace

Dialer::Dialer(Reactor* reactor, ResolverOptions options)
    : reactor_{reactor}, resolver_{reactor, std::move(options)} {}

Dialer::~Dialer() { Cancel(); }

void Dialer::Cancel() noexcept {
  resolver_.Cancel();
  reactor_->Cancel(attempt_);
  if (socket_) reactor_->Remove(socket_.get());
  socket_.Reset();
}

void Dialer::Dial(std::string host, int port, Callback done) {
  Cancel();
  host_ = std::move(host);
  port_ = port;
  done_ = std::move(done);
  began_ = Reactor::Clock::now();
  addresses_.clear();
  next_ = 0;
  failures_.clear();
  last_errno_ = 0;
  resolver_.Resolve(host_, port_, [this](Resolver::Result result) {
    if (!result) return Finish({{}, {}, result.error()});
    addresses_ = std::move(*result);
    TryNext();
  });
}

void Dialer::TryNext() {
  while (next_ < addresses_.size()) {
    const Address& address = addresses_[next_];
    socket_ = ScopedFd{
        ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket_) {
      NoteFailure(errno);
      continue;
    }
    // Small lines must not wait for acknowledgements.
    const int one = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    // After EINTR a connect goes on in the background, as after EINPROGRESS.
    if (::connect(socket_.get(), address.get(), address.length) == 0 ||
        errno == EINPROGRESS || errno == EINTR) {
      reactor_->Add(socket_.get(), EPOLLOUT, [this](std::uint32_t) { OnWritable(); });
      return ArmAttemptTimer();
    }
    NoteFailure(errno);
  }
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
      Reactor::Clock::now() - began_);
  Finish({{},
          {},
          {ErrorCode::ConnectionFailed,
           "cannot connect to " + host_ + " port " + std::to_string(port_) +
               " (after " + std::to_string(spent.count()) + " ms): " + failures_ +
               "; check host, port and firewall",
           last_errno_}});
}

void Dialer::ArmAttemptTimer() {
  if (next_ + 1 == addresses_.size()) return;  // the last one has all the time there is
  attempt_ = reactor_->After(kAttempt, [this] {
    reactor_->Remove(socket_.get());
    NoteFailure(ETIMEDOUT);
    TryNext();
  });
}

void Dialer::OnWritable() {
  reactor_->Cancel(attempt_);
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
    error = errno;
  }
  reactor_->Remove(socket_.get());
  if (error != 0) {
    NoteFailure(error);
    return TryNext();
  }
  Finish({std::move(socket_), addresses_[next_].ToString(), {}});
}

void Dialer::NoteFailure(int error) {
  if (!failures_.empty()) failures_ += ", ";
  failures_ += addresses_[next_].ToString() + ": " + std::strerror(error);
  last_errno_ = error;
  socket_.Reset();
  ++next_;
}

std::string Dialer::Progress() const {
  if (addresses_.empty()) return "the name was still being looked up";
  std::string text = failures_;
  if (next_ < addresses_.size()) {
    if (!text.empty()) text += ", ";
    text += addresses_[next_].ToString() + ": no answer";
  }
  return text;
}

// Nothing of this is touched after the call: `done` may destroy it.
void Dialer::Finish(Result result) {
  auto done = std::move(done_);
  done(std::move(result));
}

}  // namespace dbnloop::net
