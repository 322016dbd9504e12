#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// Something that the gateway told about the session, or failed to tell in time. It is
/// read from the stream's system and error records (protocol: codes, and the texts that
/// stand for them in DBN 1), which OnRecord is given all the same, just before.
struct SessionEvent {
  /// Values are part of the C ABI: new ones are appended.
  enum class Kind : std::uint8_t {
    SubscriptionAck = 1,      ///< the gateway accepted a subscription
    SubscriptionOverdue = 2,  ///< neither accepted nor refused within ack_timeout
    GatewayError = 3,         ///< an error that is none of the following
    SymbolUnresolved = 4,     ///< a symbol of a subscription stands for nothing
    SlowReader = 5,           ///< this reader falls behind; nothing is lost yet
    RecordsSkipped = 6,       ///< this reader was too slow: the data has a gap
    /// The replay of a schema has caught up. It does not say that nothing was missed.
    ReplayCompleted = 7,
    EndOfInterval = 8,  ///< every bar of an interval was sent
    Notice = 9          ///< another system message
  };

  Kind kind = Kind::Notice;
  /// The gateway's own code; Unset when it is no error, or had none.
  GatewayErrorCode error_code = GatewayErrorCode::Unset;
  /// After errors of this code the gateway closes the session.
  bool fatal = false;
  /// The subscription's id, as Subscribe gave it; 0: the message does not name it.
  std::uint32_t subscription_id = 0;
  /// The schema that the message names.
  std::optional<Schema> schema = std::nullopt;
  /// When the gateway said so; kUndefTimestamp for SubscriptionOverdue.
  UnixNanos ts_event{};
  /// The gateway's words, printable; for SubscriptionOverdue the library's.
  std::string message = {};
};

/// The kind's name as it is spelled above. Never null; "Unknown" for another value.
[[nodiscard]] std::string_view ToString(SessionEvent::Kind kind) noexcept;

}  // namespace dbnloop
