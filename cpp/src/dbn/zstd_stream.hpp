#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "dbnloop/error.hpp"

namespace dbnloop::codec {

/// Zstandard frames in, plain bytes out; several frames are one stream. Sans-I/O.
class ZstdStream {
 public:
  ZstdStream();
  ~ZstdStream();

  struct Progress {
    std::size_t consumed = 0;  ///< bytes of input taken
    std::size_t produced = 0;  ///< bytes of output written
  };
  /// Decompresses from `in` to `out` until one of them is used up or error() is set;
  /// every block before the corrupt one has been produced then.
  /// Call it with an empty `in` to drain what is held inside.
  Progress Decompress(std::span<const std::byte> in, std::span<std::byte> out);
  /// True when output may still be held inside (the last call filled `out`).
  [[nodiscard]] bool HasPending() const noexcept;
  [[nodiscard]] const Error& error() const noexcept;
  /// End of input: no error between frames, Truncated inside one.
  [[nodiscard]] Error Finish() const;
  void Reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dbnloop::codec
