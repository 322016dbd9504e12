#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::test {

/// A reactor whose clock stands still unless the test moves it, and what a client
/// reported.
class ClientFixture : public testing::Test {
 protected:
  ClientFixture() {
    reactor_.SetClockForTest([this] { return now_; });
  }

  /// Turns until `done`; false when that does not come to pass.
  template <typename F>
  bool Until(F&& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      reactor_.Poll(20);
    }
    return true;
  }
  /// As Until, counting the runtime_errors that handlers throw on the way.
  template <typename F>
  bool UntilDespiteThrows(int& threw, F&& done) {
    for (;;) {
      try {
        return Until(done);
      } catch (const std::runtime_error&) {
        ++threw;
      }
    }
  }
  /// Turns until nothing is ready.
  void Settle() {
    for (int i = 0; i < 100'000 && reactor_.Poll(0) > 0; ++i) {
    }
  }
  /// Moves the clock and turns until nothing is ready.
  void Advance(Reactor::Clock::duration by) {
    now_ += by;
    Settle();
  }

  static std::vector<std::uint32_t> Numbers(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < count; ++i) numbers.push_back(first + i);
    return numbers;
  }

  Reactor::Clock::time_point now_ = Reactor::Clock::now();
  Reactor reactor_;
  std::vector<Error> errors_;
  std::vector<std::uint32_t> sequences_;
};

}  // namespace dbnloop::test
