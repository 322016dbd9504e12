#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "client/continuous/evidence.hpp"
#include "dbn/parser_memory.hpp"

namespace dbnloop::client {

/// The last stretch of a stream, kept in the buffers in which it arrived. While nothing
/// breaks it costs nothing per record and copies nothing; only after a break are the
/// records read.
///
/// Records of an rtype that is rare would leave with the buffers although they were the
/// last of their kind. So a buffer that is given up is read for those.
class Trail final : public DbnParser::Keeper {
 public:
  /// `bytes`: the least number of bytes of records that are kept, in addition to what
  /// the parser's own buffer holds.
  explicit Trail(std::size_t bytes) : bytes_{bytes} {}

  /// The records of an earlier process, which precede everything that is kept.
  void Seed(KnownStream known);
  /// Forgets everything.
  void Reset();
  /// Counts records that were handed out of the parser's present buffer.
  void Count(RType rtype, std::size_t count) noexcept {
    present_[static_cast<std::uint8_t>(rtype)] += static_cast<std::uint32_t>(count);
  }
  /// What is known of the stream now. `parser` feeds this trail. `held`: source records
  /// of it that were handed out, but are not consumed yet.
  [[nodiscard]] KnownStream Collect(const DbnParser& parser,
                                    std::span<const std::byte> held = {}) const;

  [[nodiscard]] Bytes Prepare(std::size_t size) override;
  void Keep(Bytes buffer, std::size_t begin, std::size_t end,
            const DbnParser& parser) noexcept override;

 private:
  using Counts = std::array<std::uint32_t, 256>;
  struct Segment {
    Bytes buffer;
    std::size_t capacity = 0;  // of the buffer
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint8_t version = 0;
    bool ts_out = false;
    Counts counts{};

    [[nodiscard]] std::span<const std::byte> records() const {
      return {buffer.get() + begin, end - begin};
    }
  };

  void GiveUp(Segment& segment);
  static void Append(KnownStream& known, std::span<const std::byte> records,
                     std::uint8_t version, bool ts_out);

  std::size_t bytes_;
  std::deque<Segment> segments_;
  std::size_t kept_ = 0;  // bytes of records in segments_
  Bytes spare_;
  std::size_t spare_size_ = 0;
  Counts present_{};
  KnownStream older_;  // rare records that precede the segments
};

/// Throws Exception(InvalidArgument) unless a trail may keep that many bytes.
void CheckTrailMemory(std::size_t bytes);

}  // namespace dbnloop::client
