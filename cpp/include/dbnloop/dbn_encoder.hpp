#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/metadata.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop {

/// The header as it goes on the wire, in the layout of `metadata.version` (1 to 3).
/// InvalidArgument when a string does not fit its field or is not ASCII.
std::expected<std::vector<std::byte>, Error> EncodeMetadata(const Metadata& metadata);

struct EncoderOptions {
  Compression compression = Compression::None;
  int level = 0;  ///< zstd level; 0: zstd's default
  /// With zstd: bytes of records after which a frame is closed, so that a file is
  /// readable up to there even after a crash. 0: one frame for everything.
  std::size_t frame_size = 1 << 20;
};

/// Records in, DBN bytes out; no fd (sans-I/O). Records go out as they are: their
/// version must be the metadata's.
class DbnEncoder {
 public:
  /// Throws Exception(InvalidArgument) when the metadata cannot be encoded,
  /// Exception(OutOfMemory) when zstd has no memory.
  explicit DbnEncoder(const Metadata& metadata, EncoderOptions options = {});
  ~DbnEncoder();
  DbnEncoder(DbnEncoder&&) noexcept;
  DbnEncoder& operator=(DbnEncoder&&) noexcept;

  /// Appends whole records (one, or a batch as RecordBatch::data holds it).
  void Write(std::span<const std::byte> records);
  void Write(const Record& record);
  /// Closes the open zstd frame: everything so far can be read. Nothing without zstd.
  void Flush();

  /// What to write out now; valid until the next call. Taken(n) drops its first n
  /// bytes, at most all of them. Memory is bounded by what is not taken.
  [[nodiscard]] std::span<const std::byte> Output() const noexcept;
  void Taken(std::size_t n);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
