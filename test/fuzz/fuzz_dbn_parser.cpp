// The first byte chooses policy, fragment, version and ts_out, the second how the rest
// is cut. Batches from pieces and single records from the whole must be the same bytes.
#include <cstdlib>
#include <vector>

#include "dbnloop/dbn_parser.hpp"

using Bytes = std::vector<std::byte>;

static Bytes Read(const dbnloop::ParserOptions& options, std::span<const std::byte> in,
                  std::size_t piece, bool pull) {
  dbnloop::DbnParser parser{options};
  Bytes out;
  while (!in.empty() && !parser.error()) {
    in = in.subspan(parser.Push(in.first(std::min(in.size(), piece))));
    while (const auto r = pull ? parser.Pull() : std::nullopt) {
      const auto* p = reinterpret_cast<const std::byte*>(&r->Header());
      out.insert(out.end(), p, p + r->Size());
    }
    for (auto b = parser.Peek(); !b.empty(); b = parser.Peek()) {
      out.insert(out.end(), b.data, b.data + b.size);
      parser.Consume(b.size);
    }
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  dbnloop::ParserOptions options{.buffer_size = 16 * 1024, .fragment = {}};
  options.max_metadata = 1 << 20;
  options.upgrade_policy = static_cast<dbnloop::VersionUpgradePolicy>(data[0] % 3 + 1);
  if (const int kind = data[0] / 4 % 4; kind != 0) {
    if (kind == 3 && data[0] % 3 == 1) return 0;  // cannot go back to version 2
    options.fragment.emplace(std::uint8_t(kind), data[0] >= 128);
  }
  const auto in = std::as_bytes(std::span{data, size}).subspan(2);
  if (Read(options, in, data[1] + 1U, false) != Read(options, in, size, true)) abort();
  return 0;
}
