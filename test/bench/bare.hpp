#pragma once

#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "bench/mbo_stream.hpp"
#include "bench/measure.hpp"

/// What a program without the library would do at the least.
namespace dbnloop::bench {

inline constexpr std::size_t kChunk = 256 * 1024;  // as a file source reads

/// The records of a stream whose pieces come in any size, header first.
class BareWalk {
 public:
  std::span<char> Room() { return std::span{buffer_}.subspan(held_, kChunk); }
  void Walk(std::size_t n, Sample& sample) {
    held_ += n;
    auto at = std::exchange(skip_, 0);
    const auto* p = reinterpret_cast<const MboMsg*>(buffer_.data() + at);
    const auto count = (held_ - at) / sizeof(MboMsg);
    sample.Take({p, count});
    at += count * sizeof(MboMsg);
    held_ -= at;
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(at), held_,
                buffer_.begin());
  }

 private:
  std::vector<char> buffer_ = std::vector<char>(2 * kChunk);
  std::size_t held_ = 0;
  std::size_t skip_ = MboHeader().size();
};

/// Decompresses what `next` gives, piece by piece until an empty one, and walks it.
template <typename Next>
Sample BareZstd(Next&& next) {
  auto* const context = ZSTD_createDCtx();
  BareWalk walk;
  Sample sample;
  const Stopwatch watch;
  for (auto in = next(); !in.empty(); in = next()) {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    for (bool more = true; more;) {
      const auto room = walk.Room();
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      if (ZSTD_isError(ZSTD_decompressStream(context, &to, &from)) != 0) std::abort();
      walk.Walk(to.pos, sample);
      more = from.pos < from.size || to.pos == to.size;
    }
  }
  watch.Note(sample);
  ZSTD_freeDCtx(context);
  return sample;
}

}  // namespace dbnloop::bench
