#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "dbnloop/record.hpp"

namespace dbnloop::client {

/// A record that was handed out: what is needed to recognise it when it comes again.
struct KnownRecord {
  /// The time by which a replay is cut: ts_event, of BBO and CBBO records ts_recv.
  std::uint64_t clock = 0;
  /// Of the complete record in the current DBN version, without ts_out.
  std::uint64_t hash = 0;

  bool operator==(const KnownRecord&) const = default;
};

/// The records of one rtype that were handed out last, in this order.
struct Evidence {
  std::vector<KnownRecord> records;
  /// Whether nothing of the rtype was handed out before them.
  bool complete = true;
  /// Whether replays broke so often that the next one must be short.
  bool hurried = false;
  /// The lowest index time (ts_recv where there is one) among them; by it historical
  /// ranges are cut.
  std::uint64_t lowest_index = kUndefTimestamp;
};

/// What is known of a stream at some point.
struct KnownStream {
  std::map<RType, Evidence> rtypes;
  /// The latest ts_event of its market data; 0: none. The gateway's messages have
  /// another clock.
  std::uint64_t latest = 0;
};

/// A record as it is compared: of the current version, aligned, without ts_out.
class CanonicalRecord {
 public:
  /// `source`: a complete record as it arrived, of any alignment.
  CanonicalRecord(const std::byte* source, std::size_t size, std::uint8_t version,
                  bool ts_out) noexcept;

  [[nodiscard]] const RecordHeader& header() const noexcept {
    return *reinterpret_cast<const RecordHeader*>(bytes_);
  }
  /// The record, if it is a T.
  template <typename T>
  [[nodiscard]] const T* As() const noexcept {
    return size_ >= sizeof(T) ? reinterpret_cast<const T*>(bytes_) : nullptr;
  }
  /// The time by which a replay is cut.
  [[nodiscard]] std::uint64_t Clock() const noexcept;
  /// The time by which a historical range is cut.
  [[nodiscard]] std::uint64_t Index() const noexcept;
  [[nodiscard]] KnownRecord Known() const noexcept;

 private:
  alignas(8) std::byte bytes_[1024];
  std::size_t size_ = 0;  // without ts_out
};

/// The rtype that marks a source record as dropped; no record has it.
inline constexpr std::byte kDroppedRType{0xFF};

/// Calls `f(rtype, record)` for each complete record of `bytes` that was not dropped
/// and whose rtype is `wanted`.
template <typename W, typename F>
void ForEachRecord(std::span<const std::byte> bytes, std::uint8_t version, bool ts_out,
                   W wanted, F f) {
  while (bytes.size() >= sizeof(RecordHeader)) {
    const auto size = std::size_t{static_cast<std::uint8_t>(bytes[0])} *
                      RecordHeader::kLengthMultiplier;
    if (size < sizeof(RecordHeader) || size > bytes.size()) return;
    const auto rtype = static_cast<RType>(bytes[1]);
    if (bytes[1] != kDroppedRType && wanted(rtype)) {
      f(rtype, CanonicalRecord{bytes.data(), size, version, ts_out});
    }
    bytes = bytes.subspan(size);
  }
}

/// Whether records of this rtype are market data, which a replay brings again; the
/// others are said to a session.
[[nodiscard]] bool IsMarketData(RType rtype) noexcept;
/// The rtype of a schema's records.
[[nodiscard]] RType RTypeOf(Schema schema) noexcept;
/// A record is received at most so much before or after its ts_event, unless its rtype
/// is one of IsReference.
inline constexpr std::uint64_t kReceptionSkew = std::uint64_t{10} * 1'000'000'000;
/// Whether records of this rtype are what venues publish about other times:
/// definitions, statistics, status, imbalances.
[[nodiscard]] bool IsReference(RType rtype) noexcept;
/// How much later than others of the same ts_event the records of an rtype may come:
/// minutes, for bars in addition their interval, and the better part of a day for what
/// venues publish about earlier times (definitions, statistics, status, imbalances).
[[nodiscard]] std::uint64_t LatenessOf(RType rtype) noexcept;

}  // namespace dbnloop::client
