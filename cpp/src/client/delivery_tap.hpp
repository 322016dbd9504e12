#pragma once

#include <cstddef>
#include <cstdint>

#include "dbnloop/dbn_parser.hpp"
#include "dbnloop/error.hpp"

namespace dbnloop::client {

/// What stands between several sessions and the one delivery that they feed in turn: it
/// decides which records are handed out, and learns how each session ended.
class DeliveryTap {
 public:
  /// The first `count` records of a run, and whether they are handed out or dropped.
  struct Verdict {
    std::uint32_t count;
    bool deliver;
  };

  /// Whether Screen must be asked. While it is false nothing is done per record.
  [[nodiscard]] virtual bool Screens() const noexcept = 0;
  /// Judges the beginning of a run. `source` are its records as they arrived, each of
  /// `source_size` bytes.
  [[nodiscard]] virtual Verdict Screen(const RecordRun& run, std::byte* source,
                                       std::size_t source_size) = 0;
  /// Whether Screen would let all records of a run be handed out. It changes no
  /// verdict.
  [[nodiscard]] virtual bool AllNew(const RecordRun& run, const std::byte* source) = 0;
  /// Counts records that were handed out.
  virtual void CountHandedOut(RType rtype, std::size_t count) noexcept = 0;
  /// Observes consumed symbol mappings.
  virtual void ObserveMappings(const RecordRun& run, const std::byte* records,
                               std::size_t count) = 0;
  /// Whether the user hears of the metadata of a further session.
  [[nodiscard]] virtual bool Admits(const Metadata& metadata) = 0;
  /// A binding has released the batch that it held.
  virtual void OnRelease() = 0;
  /// A session ended. It may be destroyed only after this call.
  virtual void OnSessionEnd(const Error& error) = 0;

 protected:
  ~DeliveryTap() = default;
};

}  // namespace dbnloop::client
