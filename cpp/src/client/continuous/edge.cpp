#include "client/continuous/edge.hpp"

#include <algorithm>
#include <span>

namespace dbnloop::client {

// Where little was handed out, all of it is compared: nothing is assumed of its order.
// Otherwise every break would replay it from the beginning, perhaps never to get
// further.
std::optional<std::uint64_t> HandedOutUpTo(const Evidence& evidence) {
  constexpr std::size_t kLittle = 256;
  const bool little = evidence.complete && evidence.records.size() < kLittle;
  if (little && !evidence.hurried) return std::nullopt;
  std::optional<std::uint64_t> latest;
  const std::span<const KnownRecord> records = evidence.records;
  for (const auto& record : records.first((records.size() + 1) / 2)) {
    if (record.clock == kUndefTimestamp) continue;
    latest = std::max(latest.value_or(0), record.clock);
  }
  return latest;
}

Edge::Edge(const Evidence& evidence, std::uint64_t start, bool joined)
    : upto_{HandedOutUpTo(evidence)} {
  const auto from = std::max(start, upto_.value_or(0));
  for (const auto& record : evidence.records) {
    if (record.clock < from) continue;
    auto& missing = missing_[record.hash];
    ++missing.count;
    missing.clock = record.clock;
  }
  if (!joined || !evidence.complete || evidence.records.empty()) return;
  const auto& first = evidence.records.front();
  if (first.clock != kUndefTimestamp && missing_.contains(first.hash)) first_ = first;
}

bool Edge::IsNew(const KnownRecord& record) const {
  if (upto_ && record.clock < *upto_) return false;
  const auto found = missing_.find(record.hash);
  if (found != missing_.end() && found->second.clock == record.clock) return false;
  if (first_ && record.clock <= first_->clock) return false;
  return !upto_ || record.clock != *upto_ || reached_;
}

void Edge::Drop(const KnownRecord& record) {
  const auto found = missing_.find(record.hash);
  if (found == missing_.end() || found->second.clock != record.clock) return;
  if (--found->second.count == 0) missing_.erase(found);
  if (upto_ && record.clock == *upto_) reached_ = true;
  if (first_ == record) first_.reset();
}

std::optional<std::uint64_t> Edge::LowestMissing(std::uint64_t from) const {
  std::optional<std::uint64_t> lowest;
  for (const auto& [hash, missing] : missing_) {
    if (missing.clock < from || missing.clock == kUndefTimestamp) continue;
    lowest = std::min(lowest.value_or(missing.clock), missing.clock);
  }
  return lowest;
}

}  // namespace dbnloop::client
