#include "dbnloop/symbol_map.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ranges>

#include "dbnloop/format.hpp"
#include "proto/lines.hpp"
#include "proto/number.hpp"

namespace dbnloop {
namespace {

// Walks the mappings as (instrument id, text symbol, interval). Empty symbols and empty
// intervals are gaps.
template <typename F>
Error EachInterval(const Metadata& metadata, F&& f) {
  const bool inverse = metadata.stype_out != SType::InstrumentId;
  if (inverse && metadata.stype_in != SType::InstrumentId) {
    return {ErrorCode::InvalidArgument,
            "symbol map: one side of the mappings must be instrument_id"};
  }
  for (const auto& mapping : metadata.mappings) {
    const auto fail = [&mapping](const std::string& what) {
      return Error{ErrorCode::ParseError, "symbol map: the mapping of " +
                                              proto::Quoted(mapping.raw_symbol) + what};
    };
    for (const auto& interval : mapping.intervals) {
      if (interval.start_date > interval.end_date) {
        return fail(" ends (" + std::to_string(interval.end_date) +
                    ") before it begins (" + std::to_string(interval.start_date) + ")");
      }
      if (interval.symbol.empty() || interval.start_date == interval.end_date) continue;
      const auto& number = inverse ? mapping.raw_symbol : interval.symbol;
      const auto& text = inverse ? interval.symbol : mapping.raw_symbol;
      const auto id = proto::ParseNumber<std::uint32_t>(number);
      if (!id) return fail(" has " + proto::Quoted(number) + " as an instrument id");
      f(*id, text, interval);
    }
  }
  return {};
}

template <std::size_t N>
std::string Text(const std::array<char, N>& field) {
  return {field.data(), ::strnlen(field.data(), field.size())};
}

}  // namespace

// ---- A point in time ----------------------------------------------------------------

std::expected<PitSymbolMap, Error> PitSymbolMap::FromMetadata(const Metadata& metadata,
                                                              std::uint32_t date) {
  if (date < DateOf(metadata.start) ||
      (metadata.end && MidnightOf(date) >= *metadata.end)) {
    return std::unexpected{
        Error{ErrorCode::InvalidArgument,
              "symbol map: the day " + std::to_string(date) + " is outside the data"}};
  }
  PitSymbolMap map;
  auto error = EachInterval(
      metadata, [&](std::uint32_t id, const std::string& symbol, const auto& interval) {
        if (interval.start_date > date || date >= interval.end_date) return;
        map.symbols_.insert_or_assign(id, symbol);
      });
  if (error) return std::unexpected{std::move(error)};
  return map;
}

bool PitSymbolMap::OnSymbolMapping(const SymbolMappingMsg& mapping) {
  symbols_.insert_or_assign(mapping.hd.instrument_id, Text(mapping.stype_out_symbol));
  return true;
}

bool PitSymbolMap::OnRecord(const Record& record) {
  if (record.RType() != RType::SymbolMapping) return false;
  const auto* header = &record.Header();
  if (record.Size() >= sizeof(SymbolMappingMsg)) {
    return OnSymbolMapping(*reinterpret_cast<const SymbolMappingMsg*>(header));
  }
  if (record.Size() < sizeof(dbn::v1::SymbolMappingMsg)) return false;
  const auto& old = *reinterpret_cast<const dbn::v1::SymbolMappingMsg*>(header);
  symbols_.insert_or_assign(header->instrument_id, Text(old.stype_out_symbol));
  return true;
}

std::optional<std::string_view> PitSymbolMap::Find(std::uint32_t instrument_id) const {
  const auto found = symbols_.find(instrument_id);
  if (found == symbols_.end()) return std::nullopt;
  return found->second;
}

// ---- Over time ----------------------------------------------------------------------

std::expected<TsSymbolMap, Error> TsSymbolMap::FromMetadata(const Metadata& metadata) {
  TsSymbolMap map;
  auto error = EachInterval(
      metadata, [&](std::uint32_t id, const std::string& symbol, const auto& interval) {
        map.spans_[id].push_back({interval.start_date, interval.end_date, symbol});
      });
  if (error) return std::unexpected{std::move(error)};
  return map;
}

std::optional<std::string_view> TsSymbolMap::Find(std::uint32_t instrument_id,
                                                  std::uint32_t date) const {
  const auto found = spans_.find(instrument_id);
  if (found == spans_.end()) return std::nullopt;
  for (const auto& span : std::views::reverse(found->second)) {
    if (span.start <= date && date < span.end) return span.symbol;
  }
  return std::nullopt;
}

std::optional<std::string_view> TsSymbolMap::Find(std::uint32_t instrument_id,
                                                  UnixNanos index_ts) const {
  if (index_ts.time_since_epoch().count() == kUndefTimestamp) return std::nullopt;
  return Find(instrument_id, DateOf(index_ts));
}

}  // namespace dbnloop
