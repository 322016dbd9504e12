#pragma once

#include <chrono>
#include <cstddef>

#include "dbnloop/error.hpp"

namespace dbnloop::net {

/// What a TCP socket is given before it connects.
struct SocketOptions {
  std::size_t receive_buffer = 0;          ///< bytes; 0: the system's
  std::chrono::microseconds busy_poll{0};  ///< 0: the system's
};

/// Sets the options of a socket. The error, if any, names the one that the system
/// refused.
[[nodiscard]] Error Apply(const SocketOptions& options, int fd);

}  // namespace dbnloop::net
