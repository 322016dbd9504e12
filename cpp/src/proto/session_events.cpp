#include "proto/session_events.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/text.hpp"
#include "dbn/record_size.hpp"
#include "dbn/upgrade.hpp"
#include "dbnloop/enum_strings.hpp"

namespace dbnloop {
namespace {

using Kind = SessionEvent::Kind;

// Bytes of the text, which follows the header.
template <typename T>
constexpr std::size_t kText = sizeof(T::err);
template <>
constexpr std::size_t kText<SystemMsg> = sizeof(SystemMsg::msg);
template <>
constexpr std::size_t kText<v1::SystemMsg> = sizeof(v1::SystemMsg::msg);

// The text of a record: of the current layout, or of version 1's when it is too short
// for that. Behind it a code or a ts_out may follow.
template <typename Now, typename V1>
std::string_view TextOf(const RecordHeader& record) {
  const auto most = codec::SizeOf(record) - sizeof(RecordHeader);
  const auto size =
      std::min(most, codec::SizeOf(record) >= sizeof(Now) ? kText<Now> : kText<V1>);
  const auto* text = reinterpret_cast<const char*>(&record + 1);
  return {text, ::strnlen(text, size)};
}

// "Subscription request 3 for mbo data succeeded" names the subscription 3.
std::uint32_t SubscriptionIn(std::string_view text) {
  constexpr std::string_view kBefore = "Subscription request ";
  const auto at = text.find(kBefore);
  if (at == std::string_view::npos) return 0;
  std::uint32_t id = 0;
  const auto* begin = text.data() + at + kBefore.size();
  const auto* const end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(begin, end, id);
  return fault == std::errc{} && (rest == end || *rest == ' ') ? id : 0;
}

// The first word that is a schema's name. It may be quoted, or in parentheses.
std::optional<Schema> SchemaIn(std::string_view text) {
  constexpr std::string_view kAround = " '\"()[],.:;";
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kAround), text.size()));
    if (text.empty()) return std::nullopt;
    const auto end = std::min(text.find_first_of(kAround), text.size());
    if (const auto schema = FromString<Schema>(text.substr(0, end))) return schema;
    text.remove_prefix(end);
  }
}

Kind KindOf(GatewayErrorCode code) {
  switch (code) {
    case GatewayErrorCode::SymbolResolutionFailed:
      return Kind::SymbolUnresolved;
    case GatewayErrorCode::SkippedRecordsAfterSlowReading:
      return Kind::RecordsSkipped;
    default:
      return Kind::GatewayError;
  }
}

// The types of databento-cpp do not know it.
constexpr auto kUnsubscribeAck = static_cast<SystemCode>(5);

Kind KindOf(SystemCode code) {
  if (code == kUnsubscribeAck) return Kind::UnsubscribeAck;
  switch (code) {
    case SystemCode::SubscriptionAck:
      return Kind::SubscriptionAck;
    case SystemCode::SlowReaderWarning:
      return Kind::SlowReader;
    case SystemCode::ReplayCompleted:
      return Kind::ReplayCompleted;
    case SystemCode::EndOfInterval:
      return Kind::EndOfInterval;
    default:
      return Kind::Notice;
  }
}

// What concerns the session as such; the others concern a subscription or some records.
bool IsFatal(GatewayErrorCode code) {
  switch (code) {
    case GatewayErrorCode::AuthFailed:
    case GatewayErrorCode::ApiKeyDeactivated:
    case GatewayErrorCode::ConnectionLimitExceeded:
    case GatewayErrorCode::InternalError:
      return true;
    default:
      return false;
  }
}

SessionEvent ReadError(const RecordHeader& record, std::string_view text) {
  auto code = codec::ErrorCodeOfText(text);
  if (codec::SizeOf(record) >= sizeof(ErrorMsg)) {
    const auto own = reinterpret_cast<const ErrorMsg&>(record).code;
    if (own != GatewayErrorCode::Unset) code = own;
  }
  return {.kind = KindOf(code), .error_code = code, .fatal = IsFatal(code)};
}

std::optional<SessionEvent> ReadSystem(const RecordHeader& record,
                                       std::string_view text) {
  auto code = codec::SystemCodeOfText(text);
  if (codec::SizeOf(record) >= sizeof(SystemMsg)) {
    const auto own = reinterpret_cast<const SystemMsg&>(record).code;
    if (own != SystemCode::Unset) code = own;
  }
  if (code == SystemCode::Heartbeat) return std::nullopt;
  return SessionEvent{.kind = KindOf(code)};
}

}  // namespace

std::optional<SessionEvent> proto::ReadSessionEvent(const RecordHeader& record) {
  const bool is_error = record.rtype == RType::Error;
  const auto text = is_error ? TextOf<ErrorMsg, v1::ErrorMsg>(record)
                             : TextOf<SystemMsg, v1::SystemMsg>(record);
  auto event = is_error ? ReadError(record, text) : ReadSystem(record, text);
  if (!event) return std::nullopt;
  event->subscription_id = SubscriptionIn(text);
  event->schema = SchemaIn(text);
  event->ts_event = record.ts_event;
  event->message = base::Printable(text);
  return event;
}

std::string_view ToString(SessionEvent::Kind kind) noexcept {
  switch (kind) {
    case Kind::SubscriptionAck:
      return "SubscriptionAck";
    case Kind::SubscriptionOverdue:
      return "SubscriptionOverdue";
    case Kind::GatewayError:
      return "GatewayError";
    case Kind::SymbolUnresolved:
      return "SymbolUnresolved";
    case Kind::SlowReader:
      return "SlowReader";
    case Kind::RecordsSkipped:
      return "RecordsSkipped";
    case Kind::ReplayCompleted:
      return "ReplayCompleted";
    case Kind::EndOfInterval:
      return "EndOfInterval";
    case Kind::Notice:
      return "Notice";
    case Kind::UnsubscribeAck:
      return "UnsubscribeAck";
    case Kind::UnsubscribeOverdue:
      return "UnsubscribeOverdue";
  }
  return "Unknown";
}

}  // namespace dbnloop
