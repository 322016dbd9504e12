#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// How long something took, as counts in buckets that double: bucket 0 holds what took
/// no time (or less: two clocks disagree), bucket n what took 2^(n-1) to 2^n - 1 ns.
/// Fixed in size; adding costs a few instructions.
struct LatencyHistogram {
  static constexpr std::size_t kBuckets = 64;

  std::array<std::uint64_t, kBuckets> counts{};

  void Add(std::chrono::nanoseconds value) noexcept;
  /// How many values were added.
  [[nodiscard]] std::uint64_t Count() const noexcept;
  /// A bound that the fraction `q` (0 to 1) of the values does not pass: the end of its
  /// bucket, so at most twice the value itself. 0 when nothing was added.
  [[nodiscard]] std::chrono::nanoseconds Quantile(double q) const noexcept;
};

/// What a source did since its stream began (Connect of a live client, Start of the
/// others). Counting is by batch and by run, never by record.
struct SourceStats {
  std::uint64_t bytes_read = 0;  ///< as they came (compressed; without TLS and HTTP)
  std::uint64_t reads = 0;       ///< pieces that they came in
  std::uint64_t bytes = 0;       ///< of records that were taken, upgraded, with ts_out
  std::uint64_t batches = 0;     ///< that they were handed out in
  std::array<std::uint64_t, 256> records{};  ///< taken, by rtype
  std::uint64_t polls = 0;                   ///< turns of the reactor meanwhile
  std::uint64_t pauses = 0;                  ///< calls of Pause that took effect
  std::chrono::nanoseconds paused{};  ///< all of them together, this one included
  std::size_t buffered = 0;           ///< bytes held now, not yet handed out
  /// Since the last byte came; heartbeats count, so that on a healthy live session it
  /// stays below the heartbeat interval. 0 before the first.
  std::chrono::nanoseconds silence{};
  /// Live clients with ts_out: this machine's clock less ts_out, and ts_out less
  /// ts_recv, of the last record of each batch.
  LatencyHistogram gateway_to_client;
  LatencyHistogram venue_to_gateway;

  /// Records of all types together.
  [[nodiscard]] std::uint64_t TotalRecords() const noexcept;
};

}  // namespace dbnloop
