// The numbers of dbnloop.h and dbnloop_live.h are the C++ library's, or this does not
// compile. (Those of the generated headers: records_parity.gen.cpp.)

#include "dbnloop.h"
#include "dbnloop/error.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/session_event.hpp"

namespace {

using dbnloop::ErrorCode;
using State = dbnloop::LiveClient::State;
using Kind = dbnloop::SessionEvent::Kind;

template <typename C, typename Cpp>
constexpr bool Same(C c, Cpp cpp) {
  return static_cast<unsigned>(c) == static_cast<unsigned>(cpp);
}

static_assert(Same(DBNLOOP_OK, ErrorCode::None));
static_assert(Same(DBNLOOP_CONNECTION_FAILED, ErrorCode::ConnectionFailed));
static_assert(Same(DBNLOOP_CONNECTION_CLOSED, ErrorCode::ConnectionClosed));
static_assert(Same(DBNLOOP_DNS_RESOLUTION_FAILED, ErrorCode::DnsResolutionFailed));
static_assert(Same(DBNLOOP_AUTH_FAILED, ErrorCode::AuthFailed));
static_assert(Same(DBNLOOP_INVALID_API_KEY, ErrorCode::InvalidApiKey));
static_assert(Same(DBNLOOP_INVALID_GREETING, ErrorCode::InvalidGreeting));
static_assert(Same(DBNLOOP_INVALID_CHALLENGE, ErrorCode::InvalidChallenge));
static_assert(Same(DBNLOOP_PARSE_ERROR, ErrorCode::ParseError));
static_assert(Same(DBNLOOP_INVALID_DATASET, ErrorCode::InvalidDataset));
static_assert(Same(DBNLOOP_INVALID_SYMBOL, ErrorCode::InvalidSymbol));
static_assert(Same(DBNLOOP_INVALID_SCHEMA, ErrorCode::InvalidSchema));
static_assert(Same(DBNLOOP_TLS_HANDSHAKE_FAILED, ErrorCode::TlsHandshakeFailed));
static_assert(Same(DBNLOOP_CERTIFICATE_ERROR, ErrorCode::CertificateError));
static_assert(Same(DBNLOOP_HTTP_ERROR, ErrorCode::HttpError));
static_assert(Same(DBNLOOP_DECOMPRESSION_ERROR, ErrorCode::DecompressionError));
static_assert(Same(DBNLOOP_TIMEOUT, ErrorCode::Timeout));
static_assert(Same(DBNLOOP_HEARTBEAT_TIMEOUT, ErrorCode::HeartbeatTimeout));
static_assert(Same(DBNLOOP_GATEWAY_ERROR, ErrorCode::GatewayError));
static_assert(Same(DBNLOOP_INVALID_ARGUMENT, ErrorCode::InvalidArgument));
static_assert(Same(DBNLOOP_INVALID_STATE, ErrorCode::InvalidState));
static_assert(Same(DBNLOOP_CANCELLED, ErrorCode::Cancelled));
static_assert(Same(DBNLOOP_LIMIT_EXCEEDED, ErrorCode::LimitExceeded));
static_assert(Same(DBNLOOP_SYSTEM, ErrorCode::System));
static_assert(Same(DBNLOOP_OUT_OF_MEMORY, ErrorCode::OutOfMemory));
static_assert(Same(DBNLOOP_HANDLER_FAILED, ErrorCode::HandlerFailed));
static_assert(Same(DBNLOOP_TRUNCATED, ErrorCode::Truncated));
static_assert(Same(DBNLOOP_CHECKSUM_MISMATCH, ErrorCode::ChecksumMismatch));

static_assert(Same(DBNLOOP_LIVE_DISCONNECTED, State::Disconnected));
static_assert(Same(DBNLOOP_LIVE_CONNECTING, State::Connecting));
static_assert(Same(DBNLOOP_LIVE_AUTHENTICATING, State::Authenticating));
static_assert(Same(DBNLOOP_LIVE_READY, State::Ready));
static_assert(Same(DBNLOOP_LIVE_STREAMING, State::Streaming));

static_assert(Same(DBNLOOP_SESSION_SUBSCRIPTION_ACK, Kind::SubscriptionAck));
static_assert(Same(DBNLOOP_SESSION_SUBSCRIPTION_OVERDUE, Kind::SubscriptionOverdue));
static_assert(Same(DBNLOOP_SESSION_GATEWAY_ERROR, Kind::GatewayError));
static_assert(Same(DBNLOOP_SESSION_SYMBOL_UNRESOLVED, Kind::SymbolUnresolved));
static_assert(Same(DBNLOOP_SESSION_SLOW_READER, Kind::SlowReader));
static_assert(Same(DBNLOOP_SESSION_RECORDS_SKIPPED, Kind::RecordsSkipped));
static_assert(Same(DBNLOOP_SESSION_REPLAY_COMPLETED, Kind::ReplayCompleted));
static_assert(Same(DBNLOOP_SESSION_END_OF_INTERVAL, Kind::EndOfInterval));
static_assert(Same(DBNLOOP_SESSION_NOTICE, Kind::Notice));

}  // namespace
