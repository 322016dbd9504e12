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
  /// The mappings that hold on a UTC day (yyyymmdd): of each mapping the first interval
  /// with start <= day < end. InvalidArgument when the day is none or is outside the
  /// data, or neither side of the mappings is instrument ids; ParseError when an id is
  /// no number.
  static std::expected<PitSymbolMap, Error> FromMetadata(const Metadata& metadata,
                                                         std::uint32_t date);

  /// Takes in a symbol mapping record of either layout, by its size; the latest one of
  /// an instrument counts. Others, and mappings that are too short, are ignored.
  /// Whether it was taken in. Call it for every record of a live stream.
  bool OnRecord(const Record& record);
  bool OnSymbolMapping(const SymbolMappingMsg& mapping);
  bool OnSymbolMapping(const v1::SymbolMappingMsg& mapping);
  /// Sets an instrument's symbol.
  void Insert(std::uint32_t instrument_id, std::string_view symbol);

  /// None for an instrument without a mapping. Valid until that instrument is mapped
  /// again or the map ends.
  [[nodiscard]] std::optional<std::string_view> Find(std::uint32_t instrument_id) const;
  [[nodiscard]] std::optional<std::string_view> Find(const Record& record) const {
    return Find(record.Header().instrument_id);
  }
  /// The number of instruments.
  [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

 private:
  std::unordered_map<std::uint32_t, std::string> symbols_;
};

/// A time-series map from instrument id and UTC day to text symbol. It keeps intervals,
/// not days: ten years of every symbol stay small. It does not change once made, and
/// any number of threads may read it.
class TsSymbolMap {
 public:
  /// All mappings of a header; empty symbols and intervals are gaps. Of overlapping
  /// intervals the later one in the header holds. InvalidArgument when neither side of
  /// the mappings is instrument ids; ParseError when an id is no number, or an interval
  /// ends before it begins.
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
  /// The same of any record, on the day of IndexTs(record).
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
