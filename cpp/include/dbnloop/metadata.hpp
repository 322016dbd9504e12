#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop {

/// One interval of a symbol mapping; dates are UTC, yyyymmdd, [start, end).
struct MappingInterval {
  std::uint32_t start_date = 0;
  std::uint32_t end_date = 0;
  std::string symbol;  ///< in stype_out; an empty one is a gap, to be skipped
  bool operator==(const MappingInterval&) const = default;
};

struct SymbolMapping {
  std::string raw_symbol;  ///< in stype_in
  std::vector<MappingInterval> intervals;
  bool operator==(const SymbolMapping&) const = default;
};

/// The header of a DBN stream. On the wire it consists of a prelude of 8 bytes, 100
/// fixed bytes, and lists of symbols.
struct Metadata {
  std::uint8_t version = 3;
  std::string dataset;
  std::optional<Schema> schema;  ///< nullopt: mixed, as in every live stream
  UnixNanos start{};
  std::optional<UnixNanos> end;  ///< nullopt: open
  std::uint64_t limit = 0;       ///< number of records; 0: no limit
  /// A field of version 1 that readers ignore. It is kept so that a file can be
  /// rewritten unchanged, and is removed by an upgrade.
  std::optional<std::uint64_t> record_count;
  std::optional<SType> stype_in;
  SType stype_out = SType::InstrumentId;
  bool ts_out = false;
  std::size_t symbol_cstr_len = 71;  ///< bytes per symbol on the wire
  std::vector<std::string> symbols;
  std::vector<std::string> partial;
  std::vector<std::string> not_found;
  std::vector<SymbolMapping> mappings;

  bool operator==(const Metadata&) const = default;

  /// Decodes a complete header, including the prelude. Truncated when bytes are missing
  /// at the end; ParseError, with the offset, when it is malformed.
  static std::expected<Metadata, Error> Decode(std::span<const std::byte> bytes);
  /// Applies an upgrade policy to the header: sets version and symbol_cstr_len.
  void Upgrade(VersionUpgradePolicy policy) noexcept;
};

}  // namespace dbnloop
