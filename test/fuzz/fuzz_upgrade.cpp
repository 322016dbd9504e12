// The first byte chooses the version (1 or 2) and ts_out, the rest is a fragment of it.
// Upgrading in two steps must give the bytes of upgrading in one, a record that is of
// the current layout already must pass as it is, and none may be lost on the way.
#include <cstdlib>
#include <utility>
#include <vector>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/rtype.hpp"

using Bytes = std::vector<std::byte>;
using dbnloop::VersionUpgradePolicy;

struct Upgraded {
  Bytes bytes;
  std::size_t count = 0;
};

static Upgraded Upgrade(std::span<const std::byte> in, std::uint8_t version,
                        bool ts_out, VersionUpgradePolicy policy) {
  dbnloop::ParserOptions options{.buffer_size = 16 * 1024, .fragment = {}};
  options.upgrade_policy = policy;
  options.fragment.emplace(version, ts_out);
  dbnloop::DbnParser parser{options};
  Upgraded out;
  while (!in.empty() && !parser.error()) {
    in = in.subspan(parser.Push(in));
    while (const auto r = parser.Pull()) {
      const auto* p = reinterpret_cast<const std::byte*>(&r->Header());
      out.bytes.insert(out.bytes.end(), p, p + r->Size());
      ++out.count;
    }
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::uint8_t version = data[0] % 2 + 1;
  const bool ts_out = data[0] >= 128;
  const auto in = std::as_bytes(std::span{data, size}).subspan(1);
  const auto as_is = Upgrade(in, version, ts_out, VersionUpgradePolicy::AsIs);
  const auto to_v2 = Upgrade(in, version, ts_out, VersionUpgradePolicy::UpgradeToV2);
  const auto to_v3 = Upgrade(in, version, ts_out, VersionUpgradePolicy::UpgradeToV3);
  if (as_is.count != to_v2.count || as_is.count != to_v3.count) abort();
  if (version == 2 && as_is.bytes != to_v2.bytes) abort();
  const auto v2_to_v3 =
      Upgrade(to_v2.bytes, 2, ts_out, VersionUpgradePolicy::UpgradeToV3);
  if (v2_to_v3.bytes != to_v3.bytes) abort();
  const auto again = Upgrade(to_v3.bytes, 3, ts_out, VersionUpgradePolicy::UpgradeToV3);
  if (again.bytes != to_v3.bytes) abort();
  return 0;
}
