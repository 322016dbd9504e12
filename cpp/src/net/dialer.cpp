#include "net/dialer.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/str_cat.hpp"

namespace dbnloop::net {

Dialer::Dialer(Reactor* reactor, ResolverOptions options, SocketOptions socket_options)
    : reactor_{reactor},
      resolver_{reactor, std::move(options)},
      socket_options_{socket_options},
      head_start_{reactor} {}

Dialer::~Dialer() { Cancel(); }

void Dialer::Cancel() noexcept {
  resolver_.Cancel();
  head_start_.Disarm();
  while (!attempts_.empty()) Close(attempts_.begin());
}

void Dialer::Dial(std::string host, int port, Callback done) {
  Cancel();
  host_ = std::move(host);
  port_ = port;
  done_ = std::move(done);
  began_ = last_answer_ = reactor_->Now();
  addresses_.clear();
  more_addresses_ = true;
  last_family_ = 0;
  failures_.clear();
  failed_ = 0;
  last_errno_ = 0;
  resolver_.Resolve(host_, port_, [this](Resolver::Answer answer) {
    OnAddresses(std::move(answer));
  });
}

void Dialer::OnAddresses(Resolver::Answer answer) {
  more_addresses_ = !answer.last;
  last_answer_ = reactor_->Now();
  if (answer.error) return Finish({{}, {}, std::move(answer.error)});
  std::ranges::move(answer.addresses, std::back_inserter(addresses_));
  // While an attempt has its head start, the next one waits for that to end.
  if (!head_start_.armed()) Begin();
}

// The next one of the family that did not have the last turn, IPv6 at first.
std::optional<Address> Dialer::NextAddress() {
  if (addresses_.empty()) return std::nullopt;
  const int wanted = last_family_ == AF_INET6 ? AF_INET : AF_INET6;
  auto next = std::ranges::find(addresses_, wanted, &Address::family);
  if (next == addresses_.end()) next = addresses_.begin();
  const auto address = *next;
  addresses_.erase(next);
  return address;
}

// Begins the next attempt, if there is an address left.
void Dialer::Begin() {
  head_start_.Disarm();
  while (const auto address = NextAddress()) {
    last_family_ = address->family();
    ScopedFd socket{
        ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) {
      RecordFailure(*address, errno);
      continue;
    }
    // Small lines must not wait for acknowledgements.
    const int one = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    // Before it connects: the size of the buffer decides which window is offered.
    if (auto refused = Apply(socket_options_, socket.get())) {
      Cancel();
      return Finish({{}, {}, std::move(refused)});
    }
    // After EINTR a connect continues in the background, as after EINPROGRESS.
    if (::connect(socket.get(), address->get(), address->length) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
      RecordFailure(*address, errno);
      continue;
    }
    const auto it =
        attempts_.emplace(attempts_.end(), reactor_, *address, std::move(socket));
    reactor_->Add(it->socket.get(), EPOLLOUT, [this, it](auto) { OnWritable(it); });
    it->timer.Arm(kAttempt, [this, it] { OnTimeout(it); });
    head_start_.Arm(kHeadStart, [this] { Begin(); });
    return;
  }
  if (attempts_.empty() && !more_addresses_) FinishFailed();
}

void Dialer::OnWritable(Attempts::iterator attempt) {
  last_answer_ = reactor_->Now();
  int error = 0;
  socklen_t length = sizeof(error);
  const int fd = attempt->socket.get();
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return Fail(attempt, error);
  reactor_->Remove(fd);
  Result result{std::move(attempt->socket), attempt->address.ToString(), {}};
  Cancel();
  Finish(std::move(result));
}

void Dialer::OnTimeout(Attempts::iterator attempt) {
  const bool others = attempts_.size() > 1 || !addresses_.empty() || more_addresses_;
  if (others) Fail(attempt, ETIMEDOUT);
}

void Dialer::Fail(Attempts::iterator attempt, int error) {
  RecordFailure(attempt->address, error);
  Close(attempt);
  Begin();
}

void Dialer::Close(Attempts::iterator attempt) noexcept {
  if (attempt->socket) reactor_->Remove(attempt->socket.get());
  attempts_.erase(attempt);
}

void Dialer::RecordFailure(const Address& address, int error) {
  last_errno_ = error;
  if (++failed_ > kNamedFailures) return;
  if (!failures_.empty()) failures_ += ", ";
  failures_ += address.ToString() + ": " + std::strerror(error);
}

std::string Dialer::Failures() const {
  if (failed_ <= kNamedFailures) return failures_;
  return base::StrCat(failures_, " and ", failed_ - kNamedFailures, " more");
}

std::string Dialer::Progress() const {
  auto text = Failures();
  for (const auto& attempt : attempts_) {
    if (!text.empty()) text += ", ";
    text += attempt.address.ToString() + ": no answer";
  }
  return text.empty() ? "the name was still being looked up" : text;
}

void Dialer::FinishFailed() {
  const auto spent =
      std::chrono::duration_cast<std::chrono::milliseconds>(reactor_->Now() - began_);
  Finish({{},
          {},
          {ErrorCode::ConnectionFailed,
           base::StrCat("cannot connect to ", host_, " port ", port_, " (after ",
                        spent.count(), " ms): ", Failures(),
                        "; check host, port and firewall"),
           last_errno_}});
}

// Nothing of this is touched after the call: `done` may destroy it.
void Dialer::Finish(Result result) {
  auto done = std::move(done_);
  done(std::move(result));
}

}  // namespace dbnloop::net
