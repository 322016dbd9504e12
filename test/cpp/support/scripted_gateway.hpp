#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dbnloop/reactor.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::test {

/// The key and what the gateway's challenge must be answered with: the digest was
/// computed with sha256sum, not with the code under test.
inline constexpr std::string_view kKey = "db-0123456789abcdefghijklmnopqrs";
inline constexpr std::string_view kChallenge = "t7kNhwj4xqR0QYjzFKtBEG2ec2pXJ4FK";
inline constexpr std::string_view kReply =
    "ab74012b285badbb76e963df0bcc6f88606e1bbb6a4cf3d8623656713f7df357-opqrs";

/// A TCP socket that listens on a loopback address and a port that the system chose.
inline net::ScopedFd Listen(int backlog, const char* address = "127.0.0.1",
                            int port = 0) {
  net::ScopedFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &in.sin_addr);
  // With a port of the system's choice two processes could get the same one.
  const int reuse = port != 0 ? 1 : 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    throw std::runtime_error{"cannot listen on loopback"};
  }
  return fd;
}

inline int PortOf(int fd) {
  sockaddr_in in{};
  socklen_t length = sizeof(in);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&in), &length);
  return ntohs(in.sin_port);
}

/// Connections to a loopback port that nobody accepts: they fill the listener's queue.
class ConnectAttempts {
 public:
  ConnectAttempts(int port, int count, const char* address = "127.0.0.1") {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, address, &in.sin_addr);
    for (int i = 0; i < count; ++i) {
      fds_.emplace_back(
          ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(fds_.back().get(), reinterpret_cast<sockaddr*>(&in), sizeof(in));
    }
  }

 private:
  std::vector<net::ScopedFd> fds_;
};

/// A live gateway on loopback that does what a test tells it, driven by the reactor
/// under test. One connection at a time; a new one takes the place of the old.
class ScriptedGateway {
 public:
  explicit ScriptedGateway(Reactor* reactor)
      : reactor_{reactor}, listener_{Listen(16)} {
    reactor_->Add(listener_.get(), EPOLLIN, [this](std::uint32_t) { Accept(); });
  }
  ~ScriptedGateway() {
    Fin();
    StopListening();
  }
  ScriptedGateway(const ScriptedGateway&) = delete;
  ScriptedGateway& operator=(const ScriptedGateway&) = delete;

  [[nodiscard]] int port() const { return port_; }

  // ---- The script: set before the client connects --------------------------------

  std::string greeting = "lsg_version=0.4.2\n";
  std::string challenge = "cram=" + std::string{kChallenge} + "\n";
  /// Empty: the authentication is never answered.
  std::string auth_response = "success=1|session_id=4711\n";
  /// Goes out in the same segment as the authentication response.
  std::string after_auth;
  /// Goes out when the session is started.
  std::string on_start;
  /// Makes on_start of the lines that came before; afterwards the gateway closes if it
  /// says so.
  struct Stream {
    std::string bytes;
    bool close = false;
  };
  std::function<Stream(const std::vector<std::string>& lines)> make_stream;
  /// Whether the end of the client's side ends the gateway's too.
  bool close_with_peer = true;
  /// Text goes out one byte per turn.
  bool text_byte_by_byte = false;

  // ---- What was seen, of the present connection ----------------------------------

  int accepted = 0;
  std::string auth;                ///< the authentication line
  std::vector<std::string> lines;  ///< what came after it, without start_session
  bool started = false;
  bool peer_closed = false;

  // ---- Requests ------------------------------------------------------------------

  /// Sends as fast as the socket takes it.
  void Send(std::string_view bytes) {
    out_ += bytes;
    Flush();
  }
  /// Sends at most `piece` bytes per turn from now on; 0: all that the socket takes.
  void SetPiece(std::size_t piece) { piece_ = piece; }
  /// Bytes that the socket did not take yet.
  [[nodiscard]] std::size_t Unsent() const { return out_.size() - sent_; }
  [[nodiscard]] bool Connected() const { return static_cast<bool>(socket_); }
  /// Ends the stream after what was sent.
  void Fin() {
    if (!socket_) return;
    reactor_->Remove(socket_.get());
    socket_.Reset();
  }
  /// Ends with a reset, also in place of what is still unsent.
  void Rst() {
    const linger hard{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    Fin();
  }
  void StopListening() {
    if (!listener_) return;
    reactor_->Remove(listener_.get());
    listener_.Reset();
  }

 private:
  void Accept() {
    net::ScopedFd socket{
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!socket) return;
    Fin();
    socket_ = std::move(socket);
    const int one = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    ++accepted;
    auth.clear();
    lines.clear();
    in_.clear();
    out_.clear();
    sent_ = 0;
    started = false;
    peer_closed = false;
    if (text_byte_by_byte) piece_ = 1;
    interest_ = EPOLLIN;
    reactor_->Add(socket_.get(), interest_, [this](std::uint32_t events) {
      if ((events & EPOLLOUT) != 0) Flush();
      if ((events & ~EPOLLOUT) != 0) Read();
    });
    Send(greeting + challenge);
  }

  void Read() {
    std::array<char, 4096> buffer;
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      peer_closed = true;
      if (close_with_peer || n < 0) return Fin();
      return reactor_->Modify(socket_.get(), interest_ &= ~EPOLLIN);
    }
    in_.append(buffer.data(), static_cast<std::size_t>(n));
    for (auto end = in_.find('\n'); end != std::string::npos; end = in_.find('\n')) {
      const auto line = in_.substr(0, end);
      in_.erase(0, end + 1);
      OnLine(line);
      if (!socket_) return;
    }
  }

  void OnLine(const std::string& line) {
    if (auth.empty()) {
      auth = line;
      if (!auth_response.empty()) Send(auth_response + after_auth);
    } else if (line == "start_session") {
      started = true;
      if (!make_stream) return Send(on_start);
      const auto stream = make_stream(lines);
      Send(stream.bytes);
      if (stream.close) Fin();
    } else {
      lines.push_back(line);
    }
  }

  void Flush() {
    std::size_t left = piece_ == 0 ? Unsent() : std::min(piece_, Unsent());
    while (socket_ && left != 0) {
      const auto n = ::send(socket_.get(), out_.data() + sent_, left, MSG_NOSIGNAL);
      if (n < 0) break;
      sent_ += static_cast<std::size_t>(n);
      left -= static_cast<std::size_t>(n);
    }
    if (Unsent() == 0) {
      out_.clear();
      sent_ = 0;
    }
    const std::uint32_t wanted =
        (peer_closed ? 0U : EPOLLIN) | (Unsent() != 0 ? EPOLLOUT : 0U);
    if (socket_ && wanted != interest_) reactor_->Modify(socket_.get(), wanted);
    interest_ = wanted;
  }

  Reactor* reactor_;
  net::ScopedFd listener_;
  int port_ = PortOf(listener_.get());
  net::ScopedFd socket_;
  std::uint32_t interest_ = 0;
  std::string in_;
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t piece_ = 0;
};

}  // namespace dbnloop::test
