#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dbnloop/error.hpp"
#include "dbnloop/record.hpp"

namespace dbnloop {

/// Something that happened to the continuity of a ContinuousClient's stream.
struct ContinuityEvent {
  /// The values are part of the C ABI: new ones are appended.
  enum class Kind : std::uint8_t {
    /// The session broke for `reason`. Attempt `attempt` begins after `delay`.
    Reconnecting = 1,
    /// The stream of `schema` was completed from `from` to `to`, with `replayed`
    /// records
    /// of which `dropped` had been handed out before.
    Recovered = 2,
    /// Everything that was to be replayed has come: what follows is live.
    CaughtUp = 3,
    /// Records of `schema` from `from` to `to` may be missing; `gap` says why.
    Gap = 4,
    /// The historical range that is about to be requested costs `cost`. Nothing was
    /// bought yet. If that exceeds what max_cost allows, nothing will be.
    Price = 5
  };
  enum class GapReason : std::uint8_t {
    None = 0,
    /// The replay, or history, lacked records that had been handed out before the
    /// break, so it may lack others too.
    Contradiction = 1,
    AgedOut = 2,   ///< the gateway no longer retains these records
    Price = 3,     ///< history has the records, but max_cost does not allow to buy them
    Policy = 4,    ///< the subscription's policy is not to recover them
    NoHistory = 5  ///< history does not have the records (yet)
  };

  Kind kind = Kind::CaughtUp;
  GapReason gap = GapReason::None;
  std::uint32_t attempt = 0;  ///< from 1; counts since the last progress
  std::chrono::milliseconds delay{0};
  Error reason = {};  ///< why the session ended; for Gap perhaps the gateway's words
  std::optional<Schema> schema = std::nullopt;
  /// Inclusive, by the clock of replays: ts_event, of BBO and CBBO schemas ts_recv. 0:
  /// not known.
  UnixNanos from{};
  UnixNanos to{};
  std::uint64_t replayed = 0;
  std::uint64_t dropped = 0;
  double cost = 0;  ///< US dollars
};

/// The name of a kind, or of a reason, as it is spelled above; "Unknown" for other
/// values. Static storage.
[[nodiscard]] std::string_view ToString(ContinuityEvent::Kind kind) noexcept;
[[nodiscard]] std::string_view ToString(ContinuityEvent::GapReason reason) noexcept;

}  // namespace dbnloop
