#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dbnloop/dbn_parser.hpp"

namespace dbnloop {

/// Finds the position (see ContinuousClient::Position) at the end of a stream of DBN
/// bytes, such as a file that a capture wrote: a file is a position of its own. It uses
/// no fd, clock or thread.
class StreamEnd {
 public:
  /// `memory`: as ContinuousOptions::memory. Throws Exception(InvalidArgument) unless
  /// it is 64 KiB to 1 GiB.
  explicit StreamEnd(std::size_t memory = 256 * 1024);
  ~StreamEnd();
  StreamEnd(const StreamEnd&) = delete;
  StreamEnd& operator=(const StreamEnd&) = delete;

  /// Takes the next bytes, of any number, not compressed. Throws Exception(ParseError)
  /// when they are not DBN.
  void Push(std::span<const std::byte> bytes);
  /// The number of bytes up to the end of the last complete record: a file that was cut
  /// inside a record is continued there.
  [[nodiscard]] std::uint64_t Complete() const noexcept;
  /// The number of complete records.
  [[nodiscard]] std::uint64_t Records() const noexcept;
  /// The header; null until it is complete.
  [[nodiscard]] const Metadata* Header() const noexcept;
  /// The position after the last complete record. Throws Exception(InvalidState) as
  /// long as there is not a header.
  [[nodiscard]] std::vector<std::byte> Position() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop
