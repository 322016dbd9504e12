#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/metadata.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop {

/// A point-in-time map from instrument id to text symbol: of one day of historical
/// data, or kept up to date from a live stream. Defined as the official clients do
/// (protocol section 10).
class PitSymbolMap {
 public:
  /// Empty, for a live stream.
  PitSymbolMap() = default;
  /// The mappings that hold on a UTC day (yyyymmdd). InvalidArgument when the day is
  /// outside the data, or neither side of the mappings is instrument ids; ParseError
  /// when an id is no number, or an interval ends before it begins.
  static std::expected<PitSymbolMap, Error> FromMetadata(const Metadata& metadata,
                                                         std::uint32_t date);

  /// Takes in a symbol mapping record of either layout; others are ignored. Whether it
  /// was one.
  bool OnRecord(const Record& record);
  bool OnSymbolMapping(const SymbolMappingMsg& mapping);

  /// None for an instrument without a mapping. Valid until the map changes.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id) const;
  [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

 private:
  std::unordered_map<std::uint32_t, std::string> symbols_;
};

/// A time-series map from instrument id and UTC day to text symbol. It keeps intervals,
/// not days: ten years of every symbol stay small.
class TsSymbolMap {
 public:
  /// All mappings of a header; errors as PitSymbolMap's. Of overlapping intervals the
  /// later one in the header holds.
  static std::expected<TsSymbolMap, Error> FromMetadata(const Metadata& metadata);

  /// None for an instrument without a mapping on that day (yyyymmdd). Valid as long as
  /// the map.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id,
                                                     std::uint32_t date) const;
  /// Looks a record's instrument up on the day of its index timestamp: pass
  /// `record.IndexTs()` of a typed record. None when that is not set.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id,
                                                     UnixNanos index_ts) const;
  template <typename R>
  [[nodiscard]] std::optional<std::string_view> FindFor(const R& record) const {
    return Find(record.hd.instrument_id, record.IndexTs());
  }
  /// The number of instruments.
  [[nodiscard]] std::size_t size() const noexcept { return spans_.size(); }

 private:
  struct Span {
    std::uint32_t start;
    std::uint32_t end;
    std::string symbol;
  };
  std::unordered_map<std::uint32_t, std::vector<Span>> spans_;
};

}  // namespace dbnloop
