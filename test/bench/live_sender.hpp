#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bench/mbo_block.hpp"
#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/record.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::bench {

inline constexpr std::string_view kKey = "db-benchbenchbenchbenchbench0000";

/// A process that plays the gateway for one connection: the handshake without checking
/// it, then whole blocks of records as fast as the socket takes them.
class Sender {
 public:
  /// With `handshake` false it sends the records right away, for a bare recv loop.
  Sender(std::uint64_t blocks, bool handshake) {
    listener_ = net::ScopedFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(in);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) != 0 ||
        ::listen(listener_.get(), 1) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&in), &length) !=
            0) {
      throw std::runtime_error{"cannot listen on loopback"};
    }
    port_ = ntohs(in.sin_port);
    child_ = ::fork();
    if (child_ == 0) {
      Serve(blocks, handshake);
      ::_exit(0);
    }
    listener_.Reset();
  }
  ~Sender() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  void Serve(std::uint64_t blocks, bool handshake) const {
    const std::string block = MboBlock();
    const net::ScopedFd socket{::accept(listener_.get(), nullptr, nullptr)};
    if (handshake) {
      SendAll(socket.get(), "lsg_version=bench\ncram=bench\n");
      ReadUntil(socket.get(), "\n");
      SendAll(socket.get(), "success=1|session_id=1\n");
      ReadUntil(socket.get(), "start_session\n");
      Metadata metadata;
      metadata.dataset = "GLBX.MDP3";
      const auto header = EncodeMetadata(metadata);
      SendAll(socket.get(),
              {reinterpret_cast<const char*>(header->data()), header->size()});
    }
    for (std::uint64_t i = 0; i < blocks; ++i) SendAll(socket.get(), block);
  }

  static void SendAll(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) ::_exit(1);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  static void ReadUntil(int fd, std::string_view end) {
    std::string in;
    while (!in.ends_with(end)) {
      std::array<char, 4096> buffer;
      const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) ::_exit(1);
      in.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  net::ScopedFd listener_;
  int port_ = 0;
  pid_t child_ = -1;
};

}  // namespace dbnloop::bench
