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

/// Encodes a header in the layout of `metadata.version` (1 to 3). InvalidArgument when
/// a string does not fit its field or is not ASCII.
std::expected<std::vector<std::byte>, Error> EncodeMetadata(const Metadata& metadata);

struct EncoderOptions {
  Compression compression = Compression::None;
  int level = 0;  ///< zstd level; 0: zstd's default
  /// With zstd: the number of record bytes after which a frame is closed, so that a
  /// file is readable up to there even after a crash. 0: one frame for everything.
  std::size_t frame_size = 1 << 20;
};

/// Encodes records into DBN bytes, without I/O. Records are written as they are: their
/// version must be that of the metadata.
class DbnEncoder {
 public:
  /// Throws Exception: InvalidArgument when the metadata cannot be encoded, OutOfMemory
  /// when zstd cannot allocate.
  explicit DbnEncoder(const Metadata& metadata, EncoderOptions options = {});
  ~DbnEncoder();
  DbnEncoder(DbnEncoder&&) noexcept;
  DbnEncoder& operator=(DbnEncoder&&) noexcept;

  /// Appends complete records: one, or a batch as RecordBatch::data holds it.
  void Write(std::span<const std::byte> records);
  void Write(const Record& record);
  /// Closes the open zstd frame, so that everything so far can be read. Does nothing
  /// without zstd.
  void Flush();

  /// The bytes to write now, valid until the next call. Taken(n) drops the first n of
  /// them, at most all. Memory is bounded by the bytes that remain.
  [[nodiscard]] std::span<const std::byte> Output() const noexcept;
  void Taken(std::size_t n);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
