#include "client/continuous/trail.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "base/unix_time.hpp"
#include "dbnloop/rtype.hpp"

namespace dbnloop::client {
namespace {

// Of an rtype with fewer kept records than this, older ones are remembered too.
constexpr std::size_t kRare = 64;
constexpr std::size_t kRemembered = 1024;

void Trim(Evidence& evidence) {
  if (evidence.records.size() <= 2 * kRemembered) return;
  evidence.records.erase(
      evidence.records.begin(),
      evidence.records.end() - static_cast<std::ptrdiff_t>(kRemembered));
  evidence.complete = false;
}

void Add(KnownStream& known, RType rtype, const CanonicalRecord& record) {
  if (!IsMarketData(rtype)) return;
  const auto event = base::NanosOf(record.header().ts_event);
  if (event != kUndefTimestamp) known.latest = std::max(known.latest, event);
  auto& evidence = known.rtypes[rtype];
  evidence.records.push_back(record.Known());
  evidence.lowest_index = std::min(evidence.lowest_index, record.Index());
}

}  // namespace

void Trail::Seed(KnownStream known) { older_ = std::move(known); }

void Trail::Reset() {
  segments_.clear();
  kept_ = 0;
  present_ = {};
  older_ = {};
}

void Trail::Append(KnownStream& known, std::span<const std::byte> records,
                   std::uint8_t version, bool ts_out) {
  ForEachRecord(
      records, version, ts_out, [](RType) { return true; },
      [&](RType rtype, const CanonicalRecord& record) { Add(known, rtype, record); });
}

KnownStream Trail::Collect(const DbnParser& parser,
                           std::span<const std::byte> held) const {
  auto known = older_;
  for (const auto& segment : segments_) {
    Append(known, segment.records(), segment.version, segment.ts_out);
  }
  Append(known, parser.Kept(), parser.input_version(), parser.ts_out());
  Append(known, held, parser.input_version(), parser.ts_out());
  return known;
}

Trail::Bytes Trail::Prepare(std::size_t size) {
  if (spare_ && spare_size_ == size) return std::move(spare_);
  return Allocate(size);
}

void Trail::Keep(Bytes buffer, std::size_t begin, std::size_t end,
                 const DbnParser& parser) noexcept {
  const auto counts = std::exchange(present_, {});
  if (begin == end) {  // an attempt that failed
    spare_ = std::move(buffer);
    spare_size_ = parser.buffer_size();
    return;
  }
  auto capacity = parser.buffer_size();
  try {
    // A few records do not keep a large buffer.
    if (const auto size = end - begin; size < capacity / 4) {
      auto copy = Allocate(size);
      std::memcpy(copy.get(), buffer.get() + begin, size);
      spare_ = std::exchange(buffer, std::move(copy));
      spare_size_ = std::exchange(capacity, size);
      begin = 0;
      end = size;
    }
    segments_.push_back({std::move(buffer), capacity, begin, end,
                         parser.input_version(), parser.ts_out(), counts});
    kept_ += end - begin;
    // The parser's own buffer may be empty now, so these must suffice.
    while (segments_.size() > 1 &&
           kept_ - segments_.front().records().size() >= bytes_) {
      auto& oldest = segments_.front();
      kept_ -= oldest.records().size();
      GiveUp(oldest);
      if (oldest.capacity == parser.buffer_size()) {
        spare_ = std::move(oldest.buffer);
        spare_size_ = oldest.capacity;
      }
      segments_.pop_front();
    }
  } catch (const std::bad_alloc&) {
    // Without memory for it nothing is known: what comes again will be taken for new
    // only where it is newer than everything that is kept.
    for (auto& [rtype, evidence] : older_.rtypes) evidence.complete = false;
  }
}

// Remembers what would be the last of its kind.
void Trail::GiveUp(Segment& segment) {
  Counts newer = present_;
  for (std::size_t i = 1; i < segments_.size(); ++i) {
    for (std::size_t r = 0; r < newer.size(); ++r) newer[r] += segments_[i].counts[r];
  }
  bool rare = false;
  std::array<bool, 256> wanted{};
  for (std::size_t r = 0; r < newer.size(); ++r) {
    const auto rtype = static_cast<RType>(r);
    if (segment.counts[r] == 0 || !IsMarketData(rtype)) continue;
    if (newer[r] >= kRare) {
      auto& evidence = older_.rtypes[rtype];
      evidence.records.clear();
      evidence.lowest_index = kUndefTimestamp;
      evidence.complete = false;
    } else {
      wanted[r] = rare = true;
    }
  }
  if (!rare) return;
  ForEachRecord(
      segment.records(), segment.version, segment.ts_out,
      [&](RType rtype) { return wanted[static_cast<std::uint8_t>(rtype)]; },
      [&](RType rtype, const CanonicalRecord& record) {
        Add(older_, rtype, record);
        Trim(older_.rtypes[rtype]);
      });
}

void CheckTrailMemory(std::size_t bytes) {
  constexpr std::size_t kLeast = 64 * 1024;
  constexpr std::size_t kMost = std::size_t{1} << 30;
  if (bytes >= kLeast && bytes <= kMost) return;
  base::Throw(ErrorCode::InvalidArgument,
              base::StrCat("memory is ", bytes, " bytes; it must be 64 KiB to 1 GiB"));
}

}  // namespace dbnloop::client
