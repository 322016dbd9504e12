#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace dbnloop::client {

/// The delays between attempts: exponential, with full jitter above a least delay, and
/// bounded.
class Backoff {
 public:
  using Millis = std::chrono::milliseconds;

  Backoff(Millis least, Millis most, std::uint64_t seed)
      : least_{least},
        most_{most},
        random_{static_cast<std::minstd_rand::result_type>(seed)} {
    random_.discard(16);  // seeds that differ little begin alike
  }

  /// The number of the next attempt, from 1.
  [[nodiscard]] std::uint32_t attempt() const noexcept { return attempt_ + 1; }
  /// The delay before the next attempt.
  [[nodiscard]] Millis Next() {
    constexpr std::uint32_t kDoublings = 20;  // more than any bound allows
    const auto doubled =
        least_.count() * (Millis::rep{1} << std::min(attempt_, kDoublings));
    const auto spread = std::min(doubled, (most_ - least_).count());
    ++attempt_;
    std::uniform_int_distribution<Millis::rep> jitter{0, spread};
    return least_ + Millis{jitter(random_)};
  }
  void Reset() noexcept { attempt_ = 0; }

 private:
  Millis least_;
  Millis most_;
  std::uint32_t attempt_ = 0;
  std::minstd_rand random_;
};

}  // namespace dbnloop::client
