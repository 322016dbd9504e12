#include "dbnloop/symbol_map.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "base/number.hpp"
#include "base/text.hpp"
#include "dbn/record_size.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/format.hpp"

namespace dbnloop {
namespace {

std::unexpected<Error> Refused(ErrorCode code, const std::string& message) {
  return std::unexpected{Error{code, "symbol map: " + message}};
}

std::unexpected<Error> BadMapping(const SymbolMapping& mapping,
                                  const std::string& what) {
  return Refused(ErrorCode::ParseError,
                 "the mapping of " + base::Quoted(mapping.raw_symbol) + what);
}

// Whether the mappings go from instrument id to symbol and not the other way round.
std::expected<bool, Error> IsInverse(const Metadata& metadata) {
  if (metadata.stype_out == SType::InstrumentId) return false;
  if (metadata.stype_in == SType::InstrumentId) return true;
  const std::string in =
      metadata.stype_in ? TextOf(*metadata.stype_in) : "mixed symbologies";
  return Refused(ErrorCode::InvalidArgument,
                 "mappings of " + in + " to " + TextOf(metadata.stype_out) +
                     ": one side of the mappings must be instrument_id");
}

std::expected<std::uint32_t, Error> InstrumentId(const SymbolMapping& mapping,
                                                 const std::string& text) {
  if (const auto id = base::ParseNumber<std::uint32_t>(text)) return *id;
  return BadMapping(mapping, " has " + base::Quoted(text) + " as an instrument id");
}

// The id of an interval of a mapping, and the text symbol.
std::expected<std::pair<std::uint32_t, const std::string*>, Error> Sides(
    const SymbolMapping& mapping, const MappingInterval& interval, bool inverse) {
  const auto& number = inverse ? mapping.raw_symbol : interval.symbol;
  const auto& text = inverse ? interval.symbol : mapping.raw_symbol;
  const auto id = InstrumentId(mapping, number);
  if (!id) return std::unexpected{id.error()};
  return std::pair{*id, &text};
}

std::optional<std::chrono::sys_days> DayOf(std::uint32_t date) {
  const std::chrono::year_month_day day{
      std::chrono::year{static_cast<int>(date / 10'000)},
      std::chrono::month{date / 100 % 100}, std::chrono::day{date % 100}};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days{day};
}

// Whether the date's midnight is at or behind `end`.
bool IsBehind(std::chrono::sys_days day, UnixNanos end) {
  const auto days = day.time_since_epoch().count();
  constexpr std::uint64_t kDay = 86'400'000'000'000;
  const auto nanos = end.time_since_epoch().count();
  // In days, so that far dates do not overflow.
  return days >= 0 &&
         static_cast<std::uint64_t>(days) >= nanos / kDay + (nanos % kDay != 0);
}

template <std::size_t N>
std::string_view Text(const std::array<char, N>& chars) {
  return {chars.data(), ::strnlen(chars.data(), N)};
}

}  // namespace

// ---- PitSymbolMap -------------------------------------------------------------------

std::expected<PitSymbolMap, Error> PitSymbolMap::FromMetadata(const Metadata& metadata,
                                                              std::uint32_t date) {
  const auto day = DayOf(date);
  if (!day) {
    return Refused(ErrorCode::InvalidArgument,
                   std::to_string(date) + " is no day (yyyymmdd)");
  }
  if (date < DateOf(metadata.start) ||
      (metadata.end && IsBehind(*day, *metadata.end))) {
    return Refused(ErrorCode::InvalidArgument,
                   "the day " + std::to_string(date) + " is outside the data");
  }
  const auto inverse = IsInverse(metadata);
  if (!inverse) return std::unexpected{inverse.error()};
  PitSymbolMap out;
  for (const auto& mapping : metadata.mappings) {
    const auto interval =
        std::ranges::find_if(mapping.intervals, [&](const MappingInterval& i) {
          return i.start_date <= date && date < i.end_date;
        });
    if (interval == mapping.intervals.end() || interval->symbol.empty()) continue;
    const auto sides = Sides(mapping, *interval, *inverse);
    if (!sides) return std::unexpected{sides.error()};
    out.Insert(sides->first, *sides->second);
  }
  return out;
}

bool PitSymbolMap::OnRecord(const Record& record) {
  if (record.RType() != RType::SymbolMapping) return false;
  const auto* const header = &record.Header();
  if (codec::SizeOf(*header) >= sizeof(SymbolMappingMsg)) {
    return OnSymbolMapping(*reinterpret_cast<const SymbolMappingMsg*>(header));
  }
  if (codec::SizeOf(*header) >= sizeof(v1::SymbolMappingMsg)) {
    return OnSymbolMapping(*reinterpret_cast<const v1::SymbolMappingMsg*>(header));
  }
  return false;
}

bool PitSymbolMap::OnSymbolMapping(const SymbolMappingMsg& mapping) {
  Insert(mapping.hd.instrument_id, Text(mapping.stype_out_symbol));
  return true;
}

bool PitSymbolMap::OnSymbolMapping(const v1::SymbolMappingMsg& mapping) {
  Insert(mapping.hd.instrument_id, Text(mapping.stype_out_symbol));
  return true;
}

void PitSymbolMap::Insert(std::uint32_t instrument_id, std::string_view symbol) {
  symbols_[instrument_id] = symbol;
}

std::optional<std::string_view> PitSymbolMap::Find(std::uint32_t instrument_id) const {
  const auto it = symbols_.find(instrument_id);
  if (it == symbols_.end()) return std::nullopt;
  return it->second;
}

// ---- TsSymbolMap --------------------------------------------------------------------

// Collects spans per instrument. Those of one mostly come in the order of their dates;
// only for others is it worked out what overlaps.
class TsSymbolMap::Builder {
 public:
  void Add(std::uint32_t instrument_id, Span span) {
    auto& [spans, ordered] = of_[instrument_id];
    if (!spans.empty() && spans.back().end > span.start) ordered = false;
    spans.push_back(span);
    ++count_;
  }

  void MoveInto(TsSymbolMap& out) {
    out.spans_.reserve(count_);
    out.spans_of_.reserve(of_.size());
    for (const auto& [id, collected] : of_) {
      const auto first = out.spans_.size();
      if (collected.ordered) {
        out.spans_.insert(out.spans_.end(), collected.spans.begin(),
                          collected.spans.end());
      } else {
        Disjoint spans;
        for (const auto& span : collected.spans) Insert(spans, span);
        for (const auto& [start, span] : spans) out.spans_.push_back(span);
      }
      out.spans_of_.emplace(id, Range{first, out.spans_.size() - first});
    }
  }

 private:
  struct Collected {
    std::vector<Span> spans;
    bool ordered = true;
  };
  using Disjoint = std::map<std::uint32_t, Span>;  // by start

  // Cuts what the span covers out of those that are there. At most two are added per
  // span and what is covered goes for good, so that a hostile header costs no more than
  // sorting it would.
  static void Insert(Disjoint& spans, Span span) {
    auto it = spans.upper_bound(span.start);
    if (it != spans.begin() && std::prev(it)->second.end > span.start) --it;
    while (it != spans.end() && it->second.start < span.end) {
      const Span old = it->second;
      it = spans.erase(it);
      if (old.start < span.start) {
        spans.emplace(old.start, Span{old.start, span.start, old.symbol});
      }
      if (span.end < old.end) {
        spans.emplace(span.end, Span{span.end, old.end, old.symbol});
        break;
      }
    }
    spans.emplace(span.start, span);
  }

  std::unordered_map<std::uint32_t, Collected> of_;
  std::size_t count_ = 0;
};

std::expected<TsSymbolMap, Error> TsSymbolMap::FromMetadata(const Metadata& metadata) {
  const auto inverse = IsInverse(metadata);
  if (!inverse) return std::unexpected{inverse.error()};
  TsSymbolMap out;
  Builder builder;
  for (const auto& mapping : metadata.mappings) {
    for (const auto& interval : mapping.intervals) {
      if (interval.symbol.empty() || interval.start_date == interval.end_date) continue;
      if (interval.start_date > interval.end_date) {
        return BadMapping(mapping, " ends (" + std::to_string(interval.end_date) +
                                       ") before it begins (" +
                                       std::to_string(interval.start_date) + ")");
      }
      const auto sides = Sides(mapping, interval, *inverse);
      if (!sides) return std::unexpected{sides.error()};
      // The intervals of one mapping mostly share their text.
      if (out.symbols_.empty() || out.symbols_.back() != *sides->second) {
        out.symbols_.push_back(*sides->second);
      }
      builder.Add(sides->first, {interval.start_date, interval.end_date,
                                 static_cast<std::uint32_t>(out.symbols_.size() - 1)});
    }
  }
  builder.MoveInto(out);
  return out;
}

std::optional<std::string_view> TsSymbolMap::Find(std::uint32_t instrument_id,
                                                  std::uint32_t date) const {
  const auto it = spans_of_.find(instrument_id);
  if (it == spans_of_.end()) return std::nullopt;
  const auto* const first = spans_.data() + it->second.first;
  const auto* const last = first + it->second.count;
  // The first one that ends behind the date.
  const auto* const span = std::ranges::upper_bound(first, last, date, {}, &Span::end);
  if (span == last || date < span->start) return std::nullopt;
  return symbols_[span->symbol];
}

std::optional<std::string_view> TsSymbolMap::Find(std::uint32_t instrument_id,
                                                  UnixNanos index_ts) const {
  if (index_ts.time_since_epoch().count() == kUndefTimestamp) return std::nullopt;
  return Find(instrument_id, DateOf(index_ts));
}

std::optional<std::string_view> TsSymbolMap::FindFor(const Record& record) const {
  return Find(record.Header().instrument_id, IndexTs(record));
}

}  // namespace dbnloop
