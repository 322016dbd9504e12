// A header's mappings: what the maps find on a day is what a search through the header
// finds, on both sides of every border. The first two bytes choose more days; a mapping
// record of any bytes is taken in, or not, by its size.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/number.hpp"
#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/symbol_map.hpp"

using dbnloop::Metadata;
using Found = std::optional<std::string_view>;

// The last mapping in the header that covers the day.
static Found Search(const Metadata& metadata, std::uint32_t id, std::uint32_t date) {
  Found found;
  const bool inverse = metadata.stype_out != dbnloop::SType::InstrumentId;
  for (const auto& mapping : metadata.mappings) {
    for (const auto& i : mapping.intervals) {
      if (i.symbol.empty() || date < i.start_date || date >= i.end_date) continue;
      const auto& number = inverse ? mapping.raw_symbol : i.symbol;
      if (dbnloop::base::ParseNumber<std::uint32_t>(number) != id) continue;
      found = inverse ? i.symbol : mapping.raw_symbol;
    }
  }
  return found;
}

static void CheckHeader(const Metadata& metadata, std::uint16_t more) {
  const auto map = dbnloop::TsSymbolMap::FromMetadata(metadata);
  if (!map && map.error().message.empty()) abort();
  if (!map) return;
  const bool inverse = metadata.stype_out != dbnloop::SType::InstrumentId;
  for (const auto& mapping : metadata.mappings) {
    for (const auto& i : mapping.intervals) {
      const auto id = dbnloop::base::ParseNumber<std::uint32_t>(
          inverse ? mapping.raw_symbol : i.symbol);
      if (!id) continue;
      for (const auto date : {i.start_date, i.start_date - 1, i.end_date,
                              i.end_date - 1, i.start_date + more}) {
        if (map->Find(*id, date) != Search(metadata, *id, date)) abort();
      }
    }
  }
  (void)dbnloop::PitSymbolMap::FromMetadata(metadata, 20'261'100U + more % 32);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto in = std::as_bytes(std::span{data, size}).subspan(2);
  const auto more = static_cast<std::uint16_t>(data[0] * 256 + data[1]);
  if (const auto metadata = Metadata::Decode(in)) CheckHeader(*metadata, more);

  dbnloop::ParserOptions options{.buffer_size = 16 * 1024, .fragment = {}};
  options.upgrade_policy = dbnloop::VersionUpgradePolicy::AsIs;
  options.fragment.emplace(static_cast<std::uint8_t>(more % 3 + 1), false);
  dbnloop::DbnParser parser{options};
  dbnloop::PitSymbolMap live;
  parser.Push(in);
  while (const auto record = parser.Pull()) {
    if (live.OnRecord(*record) && !live.Find(*record)) abort();
    (void)dbnloop::IndexTs(*record);
  }
  return 0;
}
