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

/// A point-in-time map from instrument id to text symbol, for one day of historical
/// data, or kept up to date from a live stream. It resolves as the official clients do.
class PitSymbolMap {
 public:
  /// Empty, for a live stream.
  PitSymbolMap() = default;
  /// Makes a map of the mappings on a UTC day (yyyymmdd): the first interval of each
  /// mapping with start <= day < end. InvalidArgument when the date is invalid or
  /// outside the data, or when neither side of the mappings consists of instrument ids;
  /// ParseError when an id is not a number.
  static std::expected<PitSymbolMap, Error> FromMetadata(const Metadata& metadata,
                                                         std::uint32_t date);

  /// Applies a symbol mapping record of either layout, which its size determines; the
  /// latest mapping of an instrument counts. Other records, and mappings that are too
  /// short, are ignored. Returns whether the record was applied. Call it for every
  /// record of a live stream.
  bool OnRecord(const Record& record);
  bool OnSymbolMapping(const SymbolMappingMsg& mapping);
  bool OnSymbolMapping(const v1::SymbolMappingMsg& mapping);
  /// Sets an instrument's symbol.
  void Insert(std::uint32_t instrument_id, std::string_view symbol);

  /// The symbol of an instrument; nullopt without a mapping. Valid until that
  /// instrument is mapped again or the map is destroyed.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id) const;
  [[nodiscard]] std::optional<std::string_view> Find(const Record& record) const {
    return Find(record.Header().instrument_id);
  }
  /// The number of instruments.
  [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

 private:
  std::unordered_map<std::uint32_t, std::string> symbols_;
};

/// A time-series map from instrument id and UTC day to text symbol. It stores intervals
/// rather than days, so that ten years of every symbol stay small. It is immutable, and
/// any number of threads may read it.
class TsSymbolMap {
 public:
  /// Makes a map of all mappings of a header; empty symbols and intervals are gaps.
  /// Where intervals overlap, the later one in the header counts. InvalidArgument when
  /// neither side of the mappings consists of instrument ids; ParseError when an id is
  /// not a number, or an interval ends before it begins.
  static std::expected<TsSymbolMap, Error> FromMetadata(const Metadata& metadata);

  /// The symbol of an instrument on a day (yyyymmdd); nullopt without a mapping. Valid
  /// as long as the map.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id,
                                                     std::uint32_t date) const;
  /// The symbol of an instrument on the day of an index timestamp, such as
  /// `record.IndexTs()` of a typed record; nullopt when that is undefined.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id,
                                                     UnixNanos index_ts) const;
  template <typename R>
  [[nodiscard]] std::optional<std::string_view> FindFor(const R& record) const {
    return Find(record.hd.instrument_id, record.IndexTs());
  }
  /// The same lookup for any record, on the day of IndexTs(record).
  [[nodiscard]] std::optional<std::string_view> FindFor(const Record& record) const;
  /// The number of instruments.
  [[nodiscard]] std::size_t size() const noexcept { return spans_of_.size(); }
  /// The number of intervals; no two of one instrument overlap.
  [[nodiscard]] std::size_t IntervalCount() const noexcept { return spans_.size(); }

 private:
  class Builder;

  struct Span {
    std::uint32_t start;  // yyyymmdd, [start, end)
    std::uint32_t end;
    std::uint32_t symbol;  // index of symbols_
  };
  struct Range {
    std::size_t first;
    std::size_t count;
  };

  // Per instrument one range of spans_, sorted by day.
  std::unordered_map<std::uint32_t, Range> spans_of_;
  std::vector<Span> spans_;
  std::vector<std::string> symbols_;
};

}  // namespace dbnloop
