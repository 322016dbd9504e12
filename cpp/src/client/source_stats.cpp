// What a source counts: by batch and by run, never by record.

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "dbnloop/data_source.hpp"
#include "proto/session_events.hpp"

namespace dbnloop {

using std::chrono::nanoseconds;

void LatencyHistogram::Add(nanoseconds value) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  ++counts[static_cast<std::size_t>(std::bit_width(ns))];
}

std::uint64_t LatencyHistogram::Count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

nanoseconds LatencyHistogram::Quantile(double q) const noexcept {
  const auto total = Count();
  if (total == 0) return {};
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(
             std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts[i];
    if (seen >= wanted) {
      return nanoseconds{static_cast<std::int64_t>((std::uint64_t{1} << i) - 1)};
    }
  }
  return nanoseconds::max();
}

std::uint64_t SourceStats::TotalRecords() const noexcept {
  return std::accumulate(records.begin(), records.end(), std::uint64_t{0});
}

SourceStats DataSource::Stats() const {
  auto stats = stats_;
  const auto now = Now();
  if (paused_) stats.paused += now - paused_at_;
  if (stats.reads != 0) stats.silence = now - last_byte_;
  stats.buffered = parser_.buffered();
  if (reactor_ != nullptr) stats.polls = reactor_->Polls() - polls_before_;
  return stats;
}

void DataSource::NoteRead(std::size_t n) noexcept {
  ++stats_.reads;
  stats_.bytes_read += n;
  last_byte_ = Now();
}

Reactor::Clock::time_point DataSource::Now() const {
  return reactor_ != nullptr ? reactor_->Now() : Reactor::Clock::time_point{};
}

// Counts the records from byte `from` to byte `to` of a batch; both lie between
// records.
void DataSource::NoteTaken(const RecordBatch& batch, std::size_t from, std::size_t to) {
  if (from == to) return;
  ++stats_.batches;
  stats_.bytes += to - from;
  std::size_t end = 0;
  for (const auto& run : batch.runs) {
    const auto begin = end;
    end += std::size_t{run.count} * run.record_size;
    if (end <= from) continue;
    const bool whole = begin >= from && end <= to;
    const auto first = std::max(begin, from);
    const auto count =
        whole ? run.count : (std::min(end, to) - first) / run.record_size;
    stats_.records[static_cast<std::uint8_t>(run.rtype)] += count;
    const bool last = end >= to;
    if (last || proto::IsMessage(run.rtype)) {
      ObserveTaken(run, batch.data + first, count, last);
    }
    if (last) return;
  }
}

}  // namespace dbnloop
