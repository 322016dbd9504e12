// A stream that is read as it is and written again has the same records, byte for byte,
// and the same header in the encoder's form; written once more nothing changes. What is
// written with zstd and inflated is the same, too. The first byte says how the records
// are cut and how long frames are.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "dbn/zstd_stream.hpp"
#include "dbnloop/dbn_encoder.hpp"
#include "dbnloop/dbn_parser.hpp"

namespace {
using Bytes = std::vector<std::byte>;

// None when the header cannot be written: a string that is no ASCII.
std::optional<Bytes> Rewrite(std::span<const std::byte> in, std::size_t piece,
                             dbnloop::EncoderOptions to) {
  dbnloop::ParserOptions options{.buffer_size = 16 * 1024, .fragment = {}};
  options.max_metadata = 1 << 20;
  options.upgrade_policy = dbnloop::VersionUpgradePolicy::AsIs;
  dbnloop::DbnParser parser{options};
  std::optional<dbnloop::DbnEncoder> encoder;
  Bytes records;
  const auto all = in;
  while (!in.empty() && !parser.error()) {
    in = in.subspan(parser.Push(in.first(std::min(in.size(), piece))));
    for (auto b = parser.Peek(); !b.empty(); b = parser.Peek()) {
      if (!encoder && !dbnloop::EncodeMetadata(*parser.metadata())) return std::nullopt;
      if (!encoder) encoder.emplace(*parser.metadata(), to);
      encoder->Write({b.data, b.size});
      records.insert(records.end(), b.data, b.data + b.size);
      parser.Consume(b.size);
    }
  }
  if (!encoder) return std::nullopt;
  const auto end = parser.offset();
  if (!std::ranges::equal(records, all.first(end).last(records.size()))) abort();
  encoder->Flush();
  return Bytes{encoder->Output().begin(), encoder->Output().end()};
}

Bytes Inflate(std::span<const std::byte> in) {
  dbnloop::codec::ZstdStream zstd;
  Bytes all, out(1 << 14);
  while (!in.empty() || zstd.HasPending()) {
    const auto [consumed, produced] = zstd.Decompress(in, out);
    if (zstd.error()) abort();
    in = in.subspan(consumed);
    all.insert(all.end(), out.begin(), out.begin() + std::ptrdiff_t(produced));
  }
  if (zstd.Finish()) abort();
  return all;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto in = std::as_bytes(std::span{data, size}).subspan(1);
  const auto once = Rewrite(in, size, {});
  if (!once) return 0;
  if (Rewrite(*once, data[0] + 1U, {}) != once) abort();
  dbnloop::EncoderOptions options;
  options.compression = dbnloop::Compression::Zstd;
  options.frame_size = data[0] * 8U;
  if (Inflate(*Rewrite(in, size, options)) != *once) abort();
  return 0;
}
