#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/adversity.hpp"
#include "support/dbn.hpp"
#include "support/dns_server.hpp"
#include "support/sockets.hpp"

namespace dbnloop::test {

/// One test of a matrix: a fault that comes in a state.
template <typename At, typename Fault>
struct FaultCell {
  At at;
  Fault fault;
  std::string name;
  bool tls = false;

  friend std::ostream& operator<<(std::ostream& out, const FaultCell& cell) {
    return out << cell.name;
  }
};

template <typename E, std::size_t kSize>
using Names = std::array<std::pair<E, const char*>, kSize>;

/// Every state x every fault for which `makes_sense(at, fault)`.
template <typename At, std::size_t kStates, typename Fault, std::size_t kFaults,
          typename F>
std::vector<FaultCell<At, Fault>> FaultCells(const Names<At, kStates>& states,
                                             const Names<Fault, kFaults>& faults,
                                             F&& makes_sense) {
  std::vector<FaultCell<At, Fault>> cells;
  for (const auto& [at, state] : states) {
    for (const auto& [fault, name] : faults) {
      if (!makes_sense(at, fault)) continue;
      cells.push_back({at, fault, std::string{state} + "_" + name});
    }
  }
  return cells;
}

/// What a hostile peer says.
namespace hostile {

inline std::string Garbage() {
  return "\xFF\xFE\x01\xFC" + std::string(4000, '\xF9') + "\n";
}
inline std::string Endless() { return std::string(1024 * 1024, 'a'); }
inline std::string HugeMetadata() {
  return "DBN\x03\xFF\xFF\xFF\xFF" + std::string(1000, 'x');
}
inline std::string WrongVersion() {
  auto header = Header();
  header[3] = 9;
  return header + Trades(0, 3);
}
inline std::string EmptyMetadata() {
  return std::string{"DBN\x03\0\0\0\0", 8} + Trades(0, 3);
}
/// A record of no bytes.
inline std::string ZeroLength() { return std::string(16, '\0'); }
/// A record shorter than its header.
inline std::string ShortRecord() { return "\x03" + std::string(15, '\xA0'); }

}  // namespace hostile

/// Drives the cells of a matrix: a name server that can be held back, an address that
/// never answers, adversities of the process, and a handler that acts once.
template <typename Fixture, typename Cell>
class FaultMatrix : public Fixture, public testing::WithParamInterface<Cell> {
 protected:
  FaultMatrix() { names_.a = {"127.0.0.1"}; }

  // Handlers may throw: the exception passes to the caller of Poll, who continues.
  template <typename F>
  bool Until(F&& done) {
    int threw = 0;
    return this->UntilDespiteThrows(threw, done);
  }
  void Turn() {
    for (int i = 0; i < 5; ++i) {
      try {
        this->reactor_.Poll(1);
      } catch (const std::runtime_error&) {
      }
    }
  }
  void Wait(std::chrono::seconds time) {
    for (auto left = time; left.count() != 0; --left) {
      this->Advance(std::chrono::seconds{1});
    }
  }
  // With nothing to do, a turn waits.
  void ExpectNoSpin() {
    int busy = 0;
    for (int i = 0; i < 10; ++i) busy += this->reactor_.Poll(2) > 0 ? 1 : 0;
    EXPECT_LE(busy, 5) << "turns that found something, of ten";
  }

  /// What a handler does, once, when `act_` is set.
  void Act() {
    if (auto act = std::exchange(act_, nullptr)) act();
  }
  static void Throw() { throw std::runtime_error{"on purpose"}; }
  /// The end of what makes system calls fail.
  void EndAdversity() {
    storm_.reset();
    no_fds_.reset();
    Turn();
  }

  /// Bytes that are no answer leave time for the true one: `patience` is how long to
  /// wait.
  void AnswerNameWith(DnsServer::Mode mode, std::chrono::seconds patience) {
    names_.mode = mode;
    names_.Answer();
    Turn();
    if (mode == DnsServer::Mode::Garbage) Wait(patience);
  }

  static constexpr const char* kFullHost = "127.0.0.9";  // it accepts no connection
  DnsServer names_{&this->reactor_};
  net::ScopedFd full_ = Listen(0, kFullHost);
  int full_port_ = PortOf(full_.get());
  ConnectAttempts fill_{full_port_, 3, kFullHost};
  std::function<void()> act_;
  std::optional<SignalStorm> storm_;
  std::optional<NoFds> no_fds_;
};

}  // namespace dbnloop::test
