#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "client/continuous/evidence.hpp"

namespace dbnloop::client {

/// Where a stream of one rtype broke: tells what comes again from what comes for the
/// first time.
///
/// The evidence is split in two. No record is delayed by more than the newer half
/// holds; so whatever had not been handed out is not older than the older half's latest
/// record (`upto`). What is older was handed out. What is newer was handed out if it is
/// in the evidence, as a complete record, and as often as it is there. Of the records
/// *at* `upto` those that come before the first one of the evidence had left it. A
/// record without a time is newer than all others: it was handed out if it is in the
/// evidence.
class Edge {
 public:
  /// Records before `start` will not come again; 0: all may. `joined`: the stream began
  /// with the present, so that a replay may bring what came before its first record.
  Edge(const Evidence& evidence, std::uint64_t start, bool joined = false);

  /// Whether records of this time are new whatever they are.
  [[nodiscard]] bool IsPast(std::uint64_t clock) const noexcept {
    return missing_.empty() && clock > upto_.value_or(0);
  }
  /// Whether a record that came is new.
  [[nodiscard]] bool IsNew(const KnownRecord& record) const;
  /// Notes that a record came again, which IsNew denied to be new.
  void Drop(const KnownRecord& record);
  /// The latest time up to which everything was handed out; nullopt: not known.
  [[nodiscard]] std::optional<std::uint64_t> upto() const noexcept { return upto_; }
  /// The least time, not before `from`, of a record that was handed out and has not
  /// come again; nullopt: all that have a time have.
  [[nodiscard]] std::optional<std::uint64_t> LowestMissing(
      std::uint64_t from = 0) const;
  [[nodiscard]] bool AllSeen() const noexcept { return missing_.empty(); }

 private:
  struct Missing {
    std::uint32_t count = 0;
    std::uint64_t clock = 0;
  };
  std::optional<std::uint64_t> upto_;
  bool reached_ = false;  // a record of the evidence at upto_ has come again
  std::optional<KnownRecord> first_;  // that was handed out, until it has come again
  std::unordered_map<std::uint64_t, Missing> missing_;  // by hash
};

/// The time from which a replay must begin for an Edge of this evidence; nullopt: the
/// evidence does not tell.
[[nodiscard]] std::optional<std::uint64_t> HandedOutUpTo(const Evidence& evidence);

}  // namespace dbnloop::client
