#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "net/scoped_fd.hpp"

namespace dbnloop::test {

/// Two connected non-blocking sockets: what goes into one comes out of the other.
struct SocketPair {
  SocketPair() {
    int fds[2] = {-1, -1};
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
    a = net::ScopedFd{fds[0]};
    b = net::ScopedFd{fds[1]};
  }
  net::ScopedFd a;
  net::ScopedFd b;
};

inline bool Write(int fd, std::string_view text) {
  return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

/// Everything that is there now; "" at the end of input or when nothing is there.
inline std::string ReadAll(int fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const auto n = ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(n));
  }
}

/// What poll(2) says of an fd, as a foreign loop would ask.
inline bool IsReadable(int fd, int timeout_ms = 0) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN) != 0;
}

/// How many fds this process has open.
inline std::size_t OpenFds() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

}  // namespace dbnloop::test
