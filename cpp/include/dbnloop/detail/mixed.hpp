#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dbnloop/record.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop::detail {

/// The first two bytes of a record, length and rtype, as a little-endian number.
inline std::uint16_t HeadAt(const std::byte* record) noexcept {
  std::uint16_t head = 0;
  std::memcpy(&head, record, sizeof(head));
  return head;
}

/// The size in bytes of a record with this head.
constexpr std::size_t SizeOfHead(std::uint16_t head) noexcept {
  return (head & 0xFFU) * RecordHeader::kLengthMultiplier;
}

/// The plain records of a mixed batch (see DbnParser::PeekMixed), one after the other.
class PlainRecords {
 public:
  PlainRecords(const std::byte* begin, const std::byte* end,
               const std::array<std::uint16_t, 256>& heads)
      : next_{begin}, end_{end}, heads_{heads.data()} {}

  /// Where the next record begins.
  [[nodiscard]] const std::byte* next() const noexcept { return next_; }
  /// The record that Take returned last.
  [[nodiscard]] const std::byte* last() const noexcept { return last_; }

  /// The next record, or null when that is not plain or not complete.
  const std::byte* Take() noexcept {
    if (static_cast<std::size_t>(end_ - next_) < kRecordHeaderSize) return nullptr;
    const auto head = HeadAt(next_);
    const auto size = SizeOfHead(head);
    if (heads_[head >> 8U] != head || size > static_cast<std::size_t>(end_ - next_)) {
      return nullptr;
    }
    last_ = next_;
    next_ += size;
    return last_;
  }
  /// Takes the records that have the head of the last one, and returns their number.
  std::size_t TakeSame() noexcept {
    const auto head = HeadAt(last_);
    const auto size = SizeOfHead(head);
    std::size_t count = 0;
    while (static_cast<std::size_t>(end_ - next_) >= size && HeadAt(next_) == head) {
      last_ = next_;
      next_ += size;
      ++count;
    }
    return count;
  }

 private:
  const std::byte* next_;
  const std::byte* last_ = nullptr;
  const std::byte* end_;
  const std::uint16_t* heads_;
};

/// What was delivered, or may be, of a mixed batch.
struct MixedTally {
  std::array<std::uint32_t, 256> counts{};  ///< of records, by rtype
  const std::byte* last = nullptr;          ///< the last record
  std::size_t size = 0;                     ///< bytes, from the beginning of the batch

  void Count(const std::byte* record, std::size_t n = 1) noexcept {
    counts[static_cast<std::uint8_t>(record[1])] += static_cast<std::uint32_t>(n);
  }
};

}  // namespace dbnloop::detail
