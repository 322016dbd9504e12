#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/child_server.hpp"
#include "bench/live_sender.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::bench {

/// As many fds as the system allows: thousands of clients need them.
inline void RaiseFileLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Plays the gateway for thousands of sessions in one process. The first connection is
/// the control: 'g' begins to send records to every session in turn, as fast as each
/// takes them; 's' stops and is answered with 's'; 'k' breaks all connections at once.
class ManySender {
 public:
  ManySender() {
    net::ScopedFd listener{
        ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    auto in = Loopback(0);
    socklen_t length = sizeof(in);
    auto* const address = reinterpret_cast<sockaddr*>(&in);
    if (::bind(listener.get(), address, sizeof(in)) != 0 ||
        ::listen(listener.get(), SOMAXCONN) != 0 ||
        ::getsockname(listener.get(), address, &length) != 0) {
      throw std::runtime_error{"cannot listen on loopback"};
    }
    port_ = ntohs(in.sin_port);
    child_ = ::fork();
    if (child_ == 0) {
      Server{std::move(listener)}.Serve();
      ::_exit(0);
    }
  }
  ~ManySender() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  ManySender(const ManySender&) = delete;
  ManySender& operator=(const ManySender&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  class Server {
   public:
    explicit Server(net::ScopedFd listener) : listener_{std::move(listener)} {
      epoll_ = net::ScopedFd{::epoll_create1(EPOLL_CLOEXEC)};
      Watch(listener_.get(), EPOLLIN, EPOLL_CTL_ADD);
    }

    void Serve() {
      std::array<epoll_event, 256> events;
      for (;;) {
        const int n = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
        for (int i = 0; i < n; ++i) {
          const auto& event = events[static_cast<std::size_t>(i)];
          if (event.data.fd == listener_.get()) {
            Accept();
          } else if (event.data.fd == control_.get()) {
            if (!Obey()) return;
          } else {
            Turn(sessions_[static_cast<std::size_t>(event.data.fd)], event.data.fd);
          }
        }
      }
    }

   private:
    struct Session {
      net::ScopedFd socket;
      std::string line;    // of the text phase, until start_session
      std::size_t at = 0;  // in the block
      bool started = false;
    };

    void Watch(int fd, std::uint32_t interest, int how) {
      epoll_event event{};
      event.events = interest;
      event.data.fd = fd;
      ::epoll_ctl(epoll_.get(), how, fd, &event);
    }

    void Accept() {
      for (;;) {
        net::ScopedFd fd{
            ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!fd) return;
        Watch(fd.get(), EPOLLIN, EPOLL_CTL_ADD);
        if (!control_) {
          control_ = std::move(fd);
          continue;
        }
        const auto index = static_cast<std::size_t>(fd.get());
        if (sessions_.size() <= index) sessions_.resize(index + 1);
        SendAll(fd.get(), "lsg_version=bench\ncram=bench\n");
        sessions_[index] = {std::move(fd), {}, 0, false};
      }
    }

    bool Obey() {
      char order = 'k';
      if (::recv(control_.get(), &order, 1, 0) < 0 && errno == EAGAIN) return true;
      if (order == 'k') return false;
      sending_ = order == 'g';
      for (auto& session : sessions_) {
        if (session.started) Watch(session.socket.get(), Interest(), EPOLL_CTL_MOD);
      }
      if (!sending_) SendAll(control_.get(), "s");
      return true;
    }

    [[nodiscard]] std::uint32_t Interest() const { return sending_ ? EPOLLOUT : 0U; }

    void Turn(Session& session, int fd) {
      if (!session.socket) return;
      if (session.started) return Send(session);
      std::array<char, 4096> buffer;
      const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return session.socket.Reset();
      const bool authenticates = session.line.empty();
      session.line.append(buffer.data(), static_cast<std::size_t>(n));
      if (authenticates) SendAll(fd, "success=1|session_id=1\n");
      if (!session.line.ends_with("start_session\n")) return;
      SendAll(fd, header_);
      session.started = true;
      Watch(fd, Interest(), EPOLL_CTL_MOD);
    }

    // A share, so that all have their turn.
    void Send(Session& session) {
      const auto rest = std::string_view{block_}.substr(session.at).substr(0, kShare);
      const auto n =
          ::send(session.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return session.socket.Reset();
      if (n > 0)
        session.at = (session.at + static_cast<std::size_t>(n)) % block_.size();
    }

    static constexpr std::size_t kShare = 256 * 1024;

    net::ScopedFd listener_;
    net::ScopedFd epoll_;
    net::ScopedFd control_;
    std::vector<Session> sessions_;  // by fd
    const std::string block_ = MboBlock();
    const std::string header_ = MboHeader();
    bool sending_ = false;
  };

  int port_ = 0;
  pid_t child_ = -1;
};

}  // namespace dbnloop::bench
