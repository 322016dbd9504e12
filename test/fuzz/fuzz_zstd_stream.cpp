// Compressed bytes in pieces of the first byte's size with room for as many as the
// second says, and whole: when neither fails, the same must come out.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "dbn/zstd_stream.hpp"

static std::optional<std::vector<std::byte>> Read(std::span<const std::byte> in,
                                                  std::size_t piece, std::size_t room) {
  constexpr std::size_t kMost = 1 << 18;  // a small input can become gigabytes
  dbnloop::codec::ZstdStream zstd;
  std::vector<std::byte> all, out(room);
  while ((!in.empty() || zstd.HasPending()) && all.size() < kMost) {
    const auto part = in.first(std::min(in.size(), piece));
    const auto [consumed, produced] = zstd.Decompress(part, out);
    if (consumed > part.size() || produced > out.size()) abort();
    if (zstd.error()) break;
    if (consumed + produced == 0 && (!part.empty() || zstd.HasPending())) abort();
    in = in.subspan(consumed);
    all.insert(all.end(), out.begin(), out.begin() + std::ptrdiff_t(produced));
  }
  if (zstd.error() && !zstd.Finish()) abort();
  // What fails may fail sooner when zstd sees a whole frame at once.
  if (all.size() < kMost && zstd.Finish()) return std::nullopt;
  all.resize(std::min(all.size(), kMost));
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto in = std::as_bytes(std::span{data + 2, size - 2});
  const auto cut = Read(in, data[0] + 1U, data[1] + 1U);
  const auto whole = Read(in, size, 1 << 16);
  if (cut && whole && *cut != *whole) abort();
  return 0;
}
