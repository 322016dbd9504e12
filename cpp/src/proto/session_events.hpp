#pragma once

#include <optional>

#include "dbnloop/session_event.hpp"

namespace dbnloop::proto {

/// Whether records of this type are messages of the gateway about the session.
[[nodiscard]] constexpr bool HoldsSessionEvent(RType rtype) noexcept {
  return rtype == RType::System || rtype == RType::Error;
}

/// What a system or error record of any DBN version reports; nullopt for heartbeats.
/// The record's size says its layout, so that it must be as long as its header says.
[[nodiscard]] std::optional<SessionEvent> ReadSessionEvent(const RecordHeader& record);

}  // namespace dbnloop::proto
