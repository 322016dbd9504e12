#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/continuous/edge.hpp"
#include "client/delivery_tap.hpp"

namespace dbnloop::client {

/// Judges the records that a replay, or a historical range, brings: which ones are new.
/// Once every schema is complete there is nothing left to judge.
class Screen {
 public:
  struct Outcome {
    std::uint64_t from = 0;  ///< where the replay began
    std::uint64_t to = 0;    ///< the latest record that it brought
    std::uint64_t replayed = 0;
    std::uint64_t dropped = 0;
    std::optional<std::uint64_t> missing = std::nullopt;  ///< see Edge::LowestMissing
  };

  /// Forgets what is open.
  void Reset();
  /// A replay of a schema from `start` (0: all) is expected. `known`: what was handed
  /// out. `joined`: see Edge.
  void Expect(Schema schema, const KnownStream& known, std::uint64_t start,
              bool joined = false);
  /// The replay of a schema is complete; nullopt if none was expected. What is missing
  /// counts from `from` on.
  [[nodiscard]] std::optional<Outcome> Complete(Schema schema, std::uint64_t from = 0);
  /// The replay of a schema will not come.
  void Abandon(Schema schema);
  [[nodiscard]] bool Expects(Schema schema) const noexcept;
  /// Whether records must be judged.
  [[nodiscard]] bool open() const noexcept { return !schemas_.empty(); }

  /// Judges the beginning of a run and marks what is dropped. The stream's version and
  /// ts_out say how to read it.
  [[nodiscard]] DeliveryTap::Verdict Judge(const RecordRun& run, std::byte* source,
                                           std::size_t source_size,
                                           std::uint8_t version, bool ts_out);
  /// Whether all records of a run are new.
  [[nodiscard]] bool AllNew(const RecordRun& run, const std::byte* source,
                            std::uint8_t version, bool ts_out);
  /// Records that were handed out.
  void CountHandedOut(RType rtype, std::size_t count) noexcept;

 private:
  struct Judged {
    explicit Judged(Edge of) : edge{std::move(of)} {}

    Edge edge;
    std::uint64_t start = 0;
    std::uint64_t handed_out = 0;
    std::uint64_t dropped = 0;
    std::uint64_t latest = 0;
  };
  [[nodiscard]] Judged* Find(RType rtype) const noexcept {
    return rtypes_[static_cast<std::uint8_t>(rtype)].get();
  }
  static bool IsNew(Judged& judged, const CanonicalRecord& record);
  void Close(Schema schema);

  std::vector<Schema> schemas_;  // expected
  std::array<std::unique_ptr<Judged>, 256> rtypes_;
};

/// The symbol mappings that were handed out: those that a new session repeats are not
/// news.
class KnownMappings {
 public:
  void Add(const SymbolMappingMsg& mapping);
  [[nodiscard]] bool Has(const SymbolMappingMsg& mapping) const;
  void Clear() { symbols_.clear(); }

 private:
  std::unordered_map<std::uint32_t, std::uint64_t> symbols_;  // hash, by instrument
};

}  // namespace dbnloop::client
