#include "client/continuous/screen.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/str_cat.hpp"

namespace dbnloop::client {
namespace {

std::uint64_t HashOfSymbols(const SymbolMappingMsg& mapping) {
  const auto text = [](const auto& chars) {
    const std::string_view all{chars.data(), chars.size()};
    return all.substr(0, all.find('\0'));
  };
  return std::hash<std::string>{}(base::StrCat(text(mapping.stype_in_symbol), '\n',
                                               text(mapping.stype_out_symbol)));
}

}  // namespace

void Screen::Reset() {
  schemas_.clear();
  for (auto& judged : rtypes_) judged.reset();
}

void Screen::Expect(Schema schema, const KnownStream& known, std::uint64_t start,
                    bool joined) {
  if (Expects(schema)) return;
  schemas_.push_back(schema);
  const auto rtype = RTypeOf(schema);
  auto& judged = rtypes_[static_cast<std::uint8_t>(rtype)];
  if (judged) return;
  const auto found = known.rtypes.find(rtype);
  judged = std::make_unique<Judged>(
      Edge{found != known.rtypes.end() ? found->second : Evidence{}, start, joined});
  judged->start = start;
}

bool Screen::Expects(Schema schema) const noexcept {
  return std::ranges::find(schemas_, schema) != schemas_.end();
}

std::optional<Screen::Outcome> Screen::Complete(Schema schema, std::uint64_t from) {
  if (!Expects(schema)) return std::nullopt;
  const auto& judged = *Find(RTypeOf(schema));
  Outcome outcome{.from = judged.start,
                  .to = judged.latest,
                  .replayed = judged.handed_out + judged.dropped,
                  .dropped = judged.dropped,
                  .missing = std::nullopt};
  const auto shares = std::ranges::count_if(
      schemas_, [&](Schema other) { return RTypeOf(other) == RTypeOf(schema); });
  // Of two schemas with the same rtype the last one decides.
  if (shares == 1) outcome.missing = judged.edge.LowestMissing(from);
  Close(schema);
  return outcome;
}

void Screen::Abandon(Schema schema) {
  if (Expects(schema)) Close(schema);
}

void Screen::Close(Schema schema) {
  std::erase(schemas_, schema);
  const auto rtype = RTypeOf(schema);
  const bool shared = std::ranges::any_of(
      schemas_, [&](Schema other) { return RTypeOf(other) == rtype; });
  if (!shared) rtypes_[static_cast<std::uint8_t>(rtype)].reset();
}

void Screen::CountHandedOut(RType rtype, std::size_t count) noexcept {
  if (auto* const judged = Find(rtype)) judged->handed_out += count;
}

bool Screen::IsNew(Judged& judged, const CanonicalRecord& record) {
  const auto clock = record.Clock();
  if (clock != kUndefTimestamp) judged.latest = std::max(judged.latest, clock);
  return judged.edge.IsPast(clock) || judged.edge.IsNew(record.Known());
}

bool Screen::AllNew(const RecordRun& run, const std::byte* source, std::uint8_t version,
                    bool ts_out) {
  auto* const judged = Find(run.rtype);
  if (judged == nullptr) return true;
  for (std::uint32_t i = 0; i < run.count; ++i, source += run.record_size) {
    if (!IsNew(*judged, {source, run.record_size, version, ts_out})) return false;
  }
  return true;
}

// New records are not noted, because their handler may pause before all of them
// were handed out: then they are judged again. Those that are dropped are dropped now.
DeliveryTap::Verdict Screen::Judge(const RecordRun& run, std::byte* source,
                                   std::size_t source_size, std::uint8_t version,
                                   bool ts_out) {
  auto* const judged = Find(run.rtype);
  if (judged == nullptr) return {run.count, true};
  auto& edge = judged->edge;
  std::uint32_t count = 0;
  bool deliver = false;
  for (; count < run.count; ++count, source += source_size) {
    const CanonicalRecord record{source, source_size, version, ts_out};
    const bool is_new = IsNew(*judged, record);
    if (count != 0 && is_new != deliver) break;
    deliver = is_new;
    if (is_new) continue;
    edge.Drop(record.Known());
    source[1] = kDroppedRType;
    ++judged->dropped;
  }
  return {count, deliver};
}

// ---- Mappings -----------------------------------------------------------------------

void KnownMappings::Add(const SymbolMappingMsg& mapping) {
  symbols_[mapping.hd.instrument_id] = HashOfSymbols(mapping);
}

bool KnownMappings::Has(const SymbolMappingMsg& mapping) const {
  const auto found = symbols_.find(mapping.hd.instrument_id);
  return found != symbols_.end() && found->second == HashOfSymbols(mapping);
}

}  // namespace dbnloop::client
