#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dbnloop/record.hpp"

namespace dbnloop {

/// Something that the gateway reported about the session, or failed to report in time.
/// It is derived from the stream's system and error records: from their codes, or in
/// DBN 1 from their texts. OnRecord receives these records too, just before.
struct SessionEvent {
  /// The values are part of the C ABI: new ones are appended.
  enum class Kind : std::uint8_t {
    SubscriptionAck = 1,      ///< the gateway accepted a subscription
    SubscriptionOverdue = 2,  ///< neither accepted nor refused within ack_timeout
    GatewayError = 3,         ///< an error other than the following ones
    SymbolUnresolved = 4,     ///< a symbol of a subscription did not resolve
    SlowReader = 5,           ///< this reader falls behind; nothing is lost yet
    RecordsSkipped = 6,       ///< this reader was too slow: the data has a gap
    /// The replay of a schema has caught up. It does not imply that nothing was missed.
    ReplayCompleted = 7,
    EndOfInterval = 8,       ///< every bar of an interval was sent
    Notice = 9,              ///< another system message
    UnsubscribeAck = 10,     ///< the gateway accepted an unsubscription
    UnsubscribeOverdue = 11  ///< an unsubscription was not answered within ack_timeout
  };

  Kind kind = Kind::Notice;
  /// The gateway's own code; Unset when the event is not an error, or had no code.
  GatewayErrorCode error_code = GatewayErrorCode::Unset;
  /// Whether the gateway closes the session after an error of this code.
  bool fatal = false;
  /// The subscription's id, as Subscribe returned it; 0 if the message does not name
  /// it.
  std::uint32_t subscription_id = 0;
  /// The schema that the message names, if any; for UnsubscribeOverdue the
  /// unsubscription's.
  std::optional<Schema> schema = std::nullopt;
  /// The time of the gateway's record; kUndefTimestamp for SubscriptionOverdue and
  /// UnsubscribeOverdue.
  UnixNanos ts_event{};
  /// The gateway's text, printable; for the two overdue kinds the library's.
  std::string message = {};
};

/// The name of a kind as it is spelled above; "Unknown" for other values. Static
/// storage.
[[nodiscard]] std::string_view ToString(SessionEvent::Kind kind) noexcept;

}  // namespace dbnloop
