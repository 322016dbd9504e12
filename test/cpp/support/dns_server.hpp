#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dbnloop/reactor.hpp"

namespace dbnloop::test {

/// A DNS server on loopback, driven by the reactor under test. Answers every question
/// with the configured addresses, or as its mode says.
class DnsServer {
 public:
  enum class Mode { Answer, NameError, Silent };

  explicit DnsServer(Reactor* reactor) : reactor_{reactor} {
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    socklen_t length = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    reactor_->Add(fd_, EPOLLIN, [this](std::uint32_t) { OnQuestion(); });
  }
  ~DnsServer() {
    reactor_->Remove(fd_);
    ::close(fd_);
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  [[nodiscard]] std::string Endpoint() const {
    return "127.0.0.1:" + std::to_string(port_);
  }

  Mode mode = Mode::Answer;
  int drop = 0;  ///< questions to ignore first
  std::vector<std::string> a;
  std::vector<std::string> aaaa;
  int questions = 0;

 private:
  static void Put16(std::string& out, unsigned value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value & 0xFF));
  }

  void OnQuestion() {
    std::array<unsigned char, 512> in{};
    sockaddr_in from{};
    socklen_t from_length = sizeof(from);
    const auto size = ::recvfrom(fd_, in.data(), in.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_length);
    if (size < 12) return;
    ++questions;
    if (mode == Mode::Silent || drop-- > 0) return;
    std::size_t end = 12;
    while (in[end] != 0) end += in[end] + 1U;
    const unsigned type = in[end + 1] << 8 | in[end + 2];
    end += 5;
    const auto& list = type == 28 ? aaaa : a;
    const bool answer = mode == Mode::Answer;

    std::string out(reinterpret_cast<char*>(in.data()), 2);
    Put16(out, answer ? 0x8180 : 0x8183);
    Put16(out, 1);
    Put16(out, answer ? static_cast<unsigned>(list.size()) : 0);
    Put16(out, 0);
    Put16(out, 0);
    out.append(reinterpret_cast<char*>(in.data()) + 12, end - 12);
    for (const auto& text : answer ? list : std::vector<std::string>{}) {
      std::array<char, 16> raw{};
      ::inet_pton(type == 28 ? AF_INET6 : AF_INET, text.c_str(), raw.data());
      Put16(out, 0xC00C);  // the name of the question
      Put16(out, type);
      Put16(out, 1);
      Put16(out, 0);
      Put16(out, 60);
      Put16(out, type == 28 ? 16 : 4);
      out.append(raw.data(), type == 28 ? 16 : 4);
    }
    ::sendto(fd_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from),
             from_length);
  }

  Reactor* reactor_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace dbnloop::test
