#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dbnloop::bench {

/// A histogram of nanoseconds with log-linear buckets, as HdrHistogram has: each power
/// of two is divided into 32 buckets of one width. A bucket is therefore at most 1/32
/// (3.1 %) as wide as the values that it counts; values below 64 have one each.
class LatencyBuckets {
 public:
  /// Values below 0 (two clocks disagree) count as 0.
  void Add(std::int64_t nanos, std::uint64_t times = 1) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanos, 0));
    counts_[IndexOf(value)] += times;
    count_ += times;
    max_ = std::max(max_, value);
  }
  void Add(const LatencyBuckets& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] std::uint64_t Count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t Max() const noexcept { return max_; }
  /// The quantile `q` (0 to 1), rounded up to the end of its bucket: at least the value
  /// itself and at most 3.2 % more. 0 when no value was added.
  [[nodiscard]] std::uint64_t Quantile(double q) const noexcept {
    auto left = static_cast<std::uint64_t>(q * static_cast<double>(count_));
    left = std::min(left, count_ == 0 ? 0 : count_ - 1);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return std::min(EndOf(i), max_);
      left -= counts_[i];
    }
    return 0;
  }

 private:
  static constexpr std::size_t kSteps = 32;  // of a power of two

  static std::size_t IndexOf(std::uint64_t value) noexcept {
    const auto shift = std::max<int>(static_cast<int>(std::bit_width(value)), 6) - 6;
    return static_cast<std::size_t>(shift) * kSteps + (value >> shift);
  }
  /// The greatest value that a bucket counts.
  static std::uint64_t EndOf(std::size_t index) noexcept {
    if (index < 2 * kSteps) return index;
    const auto shift = index / kSteps - 1;
    return ((index % kSteps + kSteps + 1) << shift) - 1;
  }

  // Values are at most 2^63 - 1: the last shift is 57.
  std::array<std::uint64_t, 59 * kSteps> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace dbnloop::bench
