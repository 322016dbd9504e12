#include "client/source_counters.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace dbnloop {

using std::chrono::nanoseconds;

std::size_t LatencyHistogram::BucketOf(nanoseconds value) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  return static_cast<std::size_t>(std::bit_width(ns));
}

void LatencyHistogram::Add(nanoseconds value) noexcept { ++counts[BucketOf(value)]; }

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

namespace client {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::int64_t NanosOf(Reactor::Clock::time_point time) {
  return std::chrono::duration_cast<nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

LatencyHistogram LatencyCounters::Get() const noexcept {
  LatencyHistogram out;
  std::ranges::transform(counts_, out.counts.begin(), &Counter::Get);
  return out;
}

void SourceCounters::Reset(TimePoint now, std::uint64_t polls, bool paused) noexcept {
  for (auto* counter :
       {&bytes_read_, &reads_, &bytes_, &batches_, &pauses_, &buffered_}) {
    counter->Set(0);
  }
  for (auto& counter : records_) counter.Set(0);
  gateway_to_client.Reset();
  venue_to_gateway.Reset();
  polls_before_.Set(polls);
  paused_.store(0, kRelaxed);
  last_read_.store(kNever, kRelaxed);
  if (paused) BeginPause(now);
}

void SourceCounters::CountRead(std::size_t bytes, TimePoint now) noexcept {
  reads_.Add(1);
  bytes_read_.Add(bytes);
  last_read_.store(NanosOf(now), kRelaxed);
}

void SourceCounters::CountBatch(std::size_t bytes) noexcept {
  batches_.Add(1);
  bytes_.Add(bytes);
}

void SourceCounters::BeginPause(TimePoint now) noexcept {
  pauses_.Add(1);
  paused_.store(-1 - (NanosOf(now) - paused_.load(kRelaxed)), kRelaxed);
}

void SourceCounters::EndPause(TimePoint now) noexcept {
  paused_.store(NanosOf(now) + 1 + paused_.load(kRelaxed), kRelaxed);
}

SourceStats SourceCounters::Snapshot(TimePoint now,
                                     std::uint64_t polls) const noexcept {
  SourceStats out;
  out.bytes_read = bytes_read_.Get();
  out.reads = reads_.Get();
  out.bytes = bytes_.Get();
  out.batches = batches_.Get();
  std::ranges::transform(records_, out.records.begin(), &Counter::Get);
  // A stream may begin between the two reads.
  const auto polls_before = polls_before_.Get();
  out.polls = polls > polls_before ? polls - polls_before : 0;
  out.pauses = pauses_.Get();
  out.buffered = buffered_.Get();
  const auto paused = paused_.load(kRelaxed);
  const auto time = NanosOf(now);
  out.paused =
      nanoseconds{paused < 0 ? std::max<std::int64_t>(time + 1 + paused, 0) : paused};
  const auto last_read = last_read_.load(kRelaxed);
  out.silence = nanoseconds{
      last_read == kNever ? 0 : std::max<std::int64_t>(time - last_read, 0)};
  out.gateway_to_client = gateway_to_client.Get();
  out.venue_to_gateway = venue_to_gateway.Get();
  return out;
}

}  // namespace client
}  // namespace dbnloop
