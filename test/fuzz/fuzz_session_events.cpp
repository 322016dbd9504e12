// The first byte chooses the version and ts_out, the rest is a fragment of it. What its
// messages tell must be printable, and the same whether or not they were upgraded.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/rtype.hpp"
#include "proto/session_events.hpp"

using dbnloop::SessionEvent;
using dbnloop::VersionUpgradePolicy;

// None when a message is of no layout that the version has.
static std::optional<std::vector<SessionEvent>> Told(std::span<const std::byte> in,
                                                     std::uint8_t kind,
                                                     VersionUpgradePolicy policy) {
  dbnloop::ParserOptions options{.buffer_size = 16 * 1024, .fragment = {}};
  options.upgrade_policy = policy;
  const auto version = static_cast<std::uint8_t>(kind % 3 + 1);
  options.fragment.emplace(version, kind >= 128);
  dbnloop::DbnParser parser{options};
  std::vector<SessionEvent> told;
  while (!in.empty() && !parser.error()) {
    in = in.subspan(parser.Push(in));
    while (const auto record = parser.Pull()) {
      if (!dbnloop::proto::HoldsSessionEvent(record->RType())) continue;
      if (policy == VersionUpgradePolicy::AsIs &&
          record->Size() > dbnloop::MinRecordSize(record->RType(), version) + 8) {
        return std::nullopt;
      }
      auto event = dbnloop::proto::ReadSessionEvent(record->Header());
      if (event) told.push_back(std::move(*event));
    }
  }
  return told;
}

static bool Same(const SessionEvent& a, const SessionEvent& b) {
  return a.kind == b.kind && a.error_code == b.error_code && a.fatal == b.fatal &&
         a.subscription_id == b.subscription_id && a.schema == b.schema &&
         a.ts_event == b.ts_event && a.message == b.message;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto in = std::as_bytes(std::span{data, size}).subspan(1);
  const auto told = Told(in, data[0], VersionUpgradePolicy::AsIs);
  const auto upgraded = Told(in, data[0], VersionUpgradePolicy::UpgradeToV3);
  if (told && !std::ranges::equal(*told, *upgraded, Same)) abort();
  for (const auto& event : *upgraded) {
    const bool printable = std::ranges::none_of(event.message, [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
    if (!printable || ToString(event.kind) == "Unknown") abort();
  }
  return 0;
}
