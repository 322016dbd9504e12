#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// A histogram of durations in buckets whose width doubles. Bucket 0 counts values of
/// zero or less (two clocks disagree), bucket n counts values of 2^(n-1) to 2^n - 1 ns.
/// The size is fixed, and adding a value takes a few instructions.
struct LatencyHistogram {
  static constexpr std::size_t kBuckets = 64;

  std::array<std::uint64_t, kBuckets> counts{};

  /// The bucket that counts a value.
  [[nodiscard]] static std::size_t BucketOf(std::chrono::nanoseconds value) noexcept;
  void Add(std::chrono::nanoseconds value) noexcept;
  /// The number of values that were added.
  [[nodiscard]] std::uint64_t Count() const noexcept;
  /// An upper bound of the quantile `q` (0 to 1): the end of its bucket, which is at
  /// most twice the value itself. 0 when no value was added.
  [[nodiscard]] std::chrono::nanoseconds Quantile(double q) const noexcept;
};

/// Counters of a source since its stream began (Connect of a live client, Start of the
/// others). Counting takes place per batch and per run, never per record.
struct SourceStats {
  std::uint64_t bytes_read = 0;  ///< bytes received, compressed, without TLS and HTTP
  std::uint64_t reads = 0;       ///< reads that received them
  std::uint64_t bytes = 0;       ///< bytes of consumed records, upgraded, with ts_out
  std::uint64_t batches = 0;     ///< batches that contained them
  std::array<std::uint64_t, 256> records{};  ///< consumed records, by rtype
  std::uint64_t polls = 0;                   ///< turns of the reactor during that time
  std::uint64_t pauses = 0;                  ///< calls of Pause that took effect
  std::chrono::nanoseconds paused{};         ///< total, including the present pause
  std::size_t buffered = 0;  ///< bytes that the last delivery left unconsumed
  /// Time since the last byte arrived; 0 before the first. Heartbeats count, so on a
  /// healthy live session it stays below the heartbeat interval.
  std::chrono::nanoseconds silence{};
  /// Live clients with ts_out: the local clock minus ts_out, and ts_out minus ts_recv,
  /// sampled at the last record of each batch.
  LatencyHistogram gateway_to_client;
  LatencyHistogram venue_to_gateway;

  /// The number of consumed records of all types.
  [[nodiscard]] std::uint64_t TotalRecords() const noexcept;
};

}  // namespace dbnloop
