#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "net/scoped_fd.hpp"

namespace dbnloop::bench {

inline sockaddr_in Loopback(int port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in.sin_port = htons(static_cast<std::uint16_t>(port));
  return in;
}

/// A process that serves one connection on loopback, so that what a sender costs is not
/// in the receiver's figures.
class ChildServer {
 public:
  explicit ChildServer(const std::function<void(int socket)>& serve) {
    net::ScopedFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto in = Loopback(0);
    socklen_t length = sizeof(in);
    auto* const address = reinterpret_cast<sockaddr*>(&in);
    if (::bind(listener.get(), address, sizeof(in)) != 0 ||
        ::listen(listener.get(), 1) != 0 ||
        ::getsockname(listener.get(), address, &length) != 0) {
      throw std::runtime_error{"cannot listen on loopback"};
    }
    port_ = ntohs(in.sin_port);
    child_ = ::fork();
    if (child_ != 0) return;
    const net::ScopedFd socket{::accept(listener.get(), nullptr, nullptr)};
    serve(socket.get());
    ::_exit(0);
  }
  ~ChildServer() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  ChildServer(const ChildServer&) = delete;
  ChildServer& operator=(const ChildServer&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  int port_ = 0;
  pid_t child_ = -1;
};

inline net::ScopedFd ConnectTo(int port) {
  net::ScopedFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto in = Loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&in), sizeof(in)) != 0) {
    std::abort();
  }
  return fd;
}

}  // namespace dbnloop::bench
