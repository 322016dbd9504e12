#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dbnloop/reactor.hpp"
#include "dbnloop/rtype.hpp"
#include "dbnloop/stats.hpp"

namespace dbnloop::client {

/// A number that the loop's thread changes and any thread may read. Both are plain
/// loads and stores: no other thread writes, so nothing needs to be locked.
class Counter {
 public:
  void Add(std::uint64_t n) noexcept { Set(Get() + n); }
  void Set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t Get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A LatencyHistogram whose buckets any thread may read.
class LatencyCounters {
 public:
  void Add(std::chrono::nanoseconds value) noexcept {
    counts_[LatencyHistogram::BucketOf(value)].Add(1);
  }
  void Reset() noexcept {
    for (auto& count : counts_) count.Set(0);
  }
  [[nodiscard]] LatencyHistogram Get() const noexcept;

 private:
  std::array<Counter, LatencyHistogram::kBuckets> counts_;
};

/// What a source counts: per read, per batch and per run, never per record. Snapshot
/// may be called from any thread, everything else from the loop's alone.
///
/// A number that depends on the time is one word, so that a reader never combines two
/// that do not belong together.
class SourceCounters {
 public:
  using TimePoint = Reactor::Clock::time_point;

  /// Begins a stream.
  void Reset(TimePoint now, std::uint64_t polls, bool paused) noexcept;
  void CountRead(std::size_t bytes, TimePoint now) noexcept;
  void CountBatch(std::size_t bytes) noexcept;
  void CountRecords(RType rtype, std::size_t count) noexcept {
    records_[static_cast<std::uint8_t>(rtype)].Add(count);
  }
  void BeginPause(TimePoint now) noexcept;
  void EndPause(TimePoint now) noexcept;
  void SetBuffered(std::size_t bytes) noexcept { buffered_.Set(bytes); }

  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_.Get(); }
  [[nodiscard]] SourceStats Snapshot(TimePoint now, std::uint64_t polls) const noexcept;

  LatencyCounters gateway_to_client;
  LatencyCounters venue_to_gateway;

 private:
  // Nanoseconds of the clock, or of a duration.
  using Nanos = std::atomic<std::int64_t>;

  Counter bytes_read_;
  Counter reads_;
  Counter bytes_;
  Counter batches_;
  std::array<Counter, 256> records_;  // by rtype
  Counter polls_before_;
  Counter pauses_;
  Counter buffered_;
  // While paused: when the pause would have begun if it were the only one, as a
  // negative number (-1 - time). Otherwise the length of all pauses.
  Nanos paused_{0};
  Nanos last_read_{kNever};

  static constexpr std::int64_t kNever = INT64_MIN;
};

}  // namespace dbnloop::client
