#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dbnloop/reactor.hpp"
#include "support/scripted_gateway.hpp"

namespace dbnloop::test {

/// A DNS server on loopback, driven by the reactor under test. Answers every question
/// with the configured addresses, or as its mode says.
class DnsServer {
 public:
  enum class Mode {
    Answer,
    NameError,
    Silent,
    ServerFailure,
    Truncated,  ///< "ask again over TCP", where the answer is
    Keep,       ///< questions wait for Answer()
    Garbage,    ///< bytes that are no DNS
  };
  static constexpr unsigned kA = 1;
  static constexpr unsigned kAaaa = 28;

  /// `port` 0: one that the system chooses.
  explicit DnsServer(Reactor* reactor, int port = 0) : reactor_{reactor} {
    // One number for both: what the system gave for TCP may be taken for UDP.
    do {
      tcp_ = Listen(8, "127.0.0.1", port);
      port_ = PortOf(tcp_.get());
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(static_cast<std::uint16_t>(port_));
      fd_ = net::ScopedFd{
          ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
      if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0) {
        fd_.Reset();
      }
    } while (!fd_);
    reactor_->Add(fd_.get(), EPOLLIN, [this](std::uint32_t) { OnQuestion(); });
    reactor_->Add(tcp_.get(), EPOLLIN, [this](std::uint32_t) { OnConnection(); });
  }
  ~DnsServer() {
    reactor_->Remove(fd_.get());
    reactor_->Remove(tcp_.get());
    if (peer_) reactor_->Remove(peer_.get());
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  [[nodiscard]] std::string Endpoint() const {
    return "127.0.0.1:" + std::to_string(port_);
  }

  Mode mode = Mode::Answer;
  int drop = 0;  ///< questions to ignore first
  /// Questions of this type are kept until Answer(); 0: none.
  unsigned slow_type = 0;
  std::vector<std::string> a;
  std::vector<std::string> aaaa;
  int questions = 0;
  int tcp_questions = 0;

  [[nodiscard]] std::size_t Kept() const { return kept_.size(); }
  /// Answers what was kept, as the mode says now (Keep: with the addresses).
  void Answer() {
    if (mode == Mode::Keep) mode = Mode::Answer;
    for (const auto& [bytes, from] : std::exchange(kept_, {})) {
      const auto out = Response(bytes, false);
      ::sendto(fd_.get(), out.data(), out.size(), 0,
               reinterpret_cast<const sockaddr*>(&from), sizeof(from));
    }
  }

 private:
  static void Put16(std::string& out, unsigned value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value & 0xFF));
  }

  void OnQuestion() {
    std::array<char, 512> in{};
    sockaddr_in from{};
    socklen_t from_length = sizeof(from);
    const auto size = ::recvfrom(fd_.get(), in.data(), in.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_length);
    if (size < 12) return;
    ++questions;
    if (mode == Mode::Silent || drop-- > 0) return;
    const std::string question(in.data(), static_cast<std::size_t>(size));
    if (mode == Mode::Keep || TypeOf(question) == slow_type)
      return kept_.emplace_back(question, from), void();
    const auto out = Response(question, mode == Mode::Truncated);
    ::sendto(fd_.get(), out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from),
             from_length);
  }

  void OnConnection() {
    if (peer_) reactor_->Remove(peer_.get());
    peer_ = net::ScopedFd{
        ::accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    reactor_->Add(peer_.get(), EPOLLIN, [this](std::uint32_t) { OnTcpQuestion(); });
  }

  // Questions over TCP have their length in front.
  void OnTcpQuestion() {
    std::array<char, 1024> in{};
    const auto size = ::recv(peer_.get(), in.data(), in.size(), 0);
    if (size <= 0) {
      reactor_->Remove(peer_.get());
      peer_.Reset();
      return;
    }
    tcp_in_.append(in.data(), static_cast<std::size_t>(size));
    while (tcp_in_.size() > 2) {
      const auto length =
          static_cast<std::size_t>(Byte(tcp_in_, 0) << 8 | Byte(tcp_in_, 1));
      if (tcp_in_.size() < length + 2) return;
      ++tcp_questions;
      const auto out = Response(tcp_in_.substr(2, length), false);
      std::string framed;
      Put16(framed, static_cast<unsigned>(out.size()));
      framed += out;
      ::send(peer_.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
      tcp_in_.erase(0, length + 2);
    }
  }

  static unsigned Byte(const std::string& bytes, std::size_t i) {
    return static_cast<unsigned char>(bytes[i]);
  }
  // Where the question's type stands, behind its name.
  static std::size_t EndOfName(const std::string& question) {
    std::size_t end = 12;
    while (Byte(question, end) != 0) end += Byte(question, end) + 1U;
    return end + 1;
  }
  static unsigned TypeOf(const std::string& question) {
    const auto at = EndOfName(question);
    return Byte(question, at) << 8 | Byte(question, at + 1);
  }

  [[nodiscard]] std::string Response(const std::string& question,
                                     bool truncated) const {
    if (mode == Mode::Garbage) return question.substr(0, 2) + std::string(300, '\xF9');
    const auto type = TypeOf(question);
    const auto& list = type == kAaaa ? aaaa : a;
    const bool answer = !truncated && (mode == Mode::Answer || mode == Mode::Truncated);
    unsigned flags = 0x8180;
    if (truncated) flags |= 0x0200;
    if (mode == Mode::NameError) flags |= 3;
    if (mode == Mode::ServerFailure) flags |= 2;

    std::string out = question.substr(0, 2);
    Put16(out, flags);
    Put16(out, 1);
    Put16(out, answer ? static_cast<unsigned>(list.size()) : 0);
    Put16(out, 0);
    Put16(out, 0);
    out += question.substr(12, EndOfName(question) + 4 - 12);
    for (const auto& text : answer ? list : std::vector<std::string>{}) {
      std::array<char, 16> raw{};
      ::inet_pton(type == kAaaa ? AF_INET6 : AF_INET, text.c_str(), raw.data());
      Put16(out, 0xC00C);  // the name of the question
      Put16(out, type);
      Put16(out, 1);
      Put16(out, 0);
      Put16(out, 60);
      Put16(out, type == kAaaa ? 16 : 4);
      out.append(raw.data(), type == kAaaa ? 16 : 4);
    }
    return out;
  }

  Reactor* reactor_;
  net::ScopedFd fd_;
  std::uint16_t port_ = 0;
  std::vector<std::pair<std::string, sockaddr_in>> kept_;
  net::ScopedFd tcp_;
  net::ScopedFd peer_;
  std::string tcp_in_;
};

}  // namespace dbnloop::test
