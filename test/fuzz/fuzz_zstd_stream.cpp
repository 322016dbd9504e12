// Compressed bytes in pieces of the first byte's size, output in pieces of the
// second's.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "proto/zstd_stream.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] + 1U;
  std::vector<std::byte> out(data[1] + 1U);
  std::size_t produced = 0;
  auto in = std::as_bytes(std::span{data + 2, size - 2});
  dbnloop::proto::ZstdStream zstd;
  while ((!in.empty() || zstd.HasPending()) && produced < (1 << 20)) {
    const auto part = in.first(std::min(in.size(), piece));
    const auto progress = zstd.Decompress(part, out);
    if (progress.consumed > part.size() || progress.produced > out.size()) abort();
    if (zstd.error()) break;
    if (progress.consumed + progress.produced == 0 &&
        (!part.empty() || zstd.HasPending())) {
      abort();  // would loop for ever
    }
    in = in.subspan(progress.consumed);
    produced += progress.produced;
  }
  if (zstd.error() && !zstd.Finish()) abort();
  return 0;
}
