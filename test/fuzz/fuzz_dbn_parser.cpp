// The first byte chooses policy, fragment, version and ts_out, the second how the rest
// is cut. Batches from pieces, with runs and mixed, and single records from the whole
// must be the same bytes.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/detail/mixed.hpp"

using Bytes = std::vector<std::byte>;
enum class Way { Pull, Runs, Mixed };

// The plain records that a mixed batch begins with.
static std::size_t Plain(const dbnloop::DbnParser& parser,
                         const dbnloop::RecordBatch& batch) {
  dbnloop::detail::PlainRecords records{batch.data, batch.data + batch.size,
                                        parser.plain_heads()};
  while (records.Take() != nullptr) {
  }
  return static_cast<std::size_t>(records.next() - batch.data);
}

static Bytes Read(const dbnloop::ParserOptions& options, std::span<const std::byte> in,
                  std::size_t piece, Way way) {
  dbnloop::DbnParser parser{options};
  Bytes out;
  while (!in.empty() && !parser.error()) {
    in = in.subspan(parser.Push(in.first(std::min(in.size(), piece))));
    while (const auto r = way == Way::Pull ? parser.Pull() : std::nullopt) {
      const auto* p = reinterpret_cast<const std::byte*>(&r->Header());
      out.insert(out.end(), p, p + r->Size());
    }
    for (;;) {
      const auto batch = way == Way::Mixed ? parser.PeekMixed() : parser.Peek();
      if (batch.empty()) break;
      const auto size = batch.mixed() ? Plain(parser, batch) : batch.size;
      if (size == 0) abort();
      out.insert(out.end(), batch.data, batch.data + size);
      parser.Consume(size);
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
  const auto whole = Read(options, in, size, Way::Pull);
  for (const auto way : {Way::Runs, Way::Mixed}) {
    if (Read(options, in, data[1] + 1U, way) != whole) abort();
    if (Read(options, in, size, way) != whole) abort();
  }
  return 0;
}
