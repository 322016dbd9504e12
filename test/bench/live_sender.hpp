#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/child_server.hpp"
#include "bench/mbo_stream.hpp"

namespace dbnloop::bench {

inline constexpr std::string_view kKey = "db-benchbenchbenchbenchbench0000";

inline void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) ::_exit(1);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

inline void ReadUntil(int fd, std::string_view end) {
  std::string in;
  while (!in.ends_with(end)) {
    std::array<char, 4096> buffer;
    const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) ::_exit(1);
    in.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

/// The gateway's part up to the metadata; nothing is checked.
inline void Welcome(int socket, const std::string& header = MboHeader()) {
  SendAll(socket, "lsg_version=bench\ncram=bench\n");
  ReadUntil(socket, "\n");
  SendAll(socket, "success=1|session_id=1\n");
  ReadUntil(socket, "start_session\n");
  SendAll(socket, header);
}

/// Plays the gateway for one connection: the handshake, then whole blocks of records as
/// fast as the socket takes them. Without `handshake` it sends the records right away,
/// for a bare recv loop.
class LiveSender : public ChildServer {
 public:
  LiveSender(std::uint64_t blocks, bool handshake)
      : ChildServer{[=](int socket) {
          const std::string block = MboBlock();
          if (handshake) Welcome(socket);
          for (std::uint64_t i = 0; i < blocks; ++i) SendAll(socket, block);
        }} {}
};

}  // namespace dbnloop::bench
