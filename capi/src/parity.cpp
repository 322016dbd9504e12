// The numbers of dbnloop.h and dbnloop_live.h are the C++ library's, or this does not
// compile. (Those of the generated headers: records_parity.gen.cpp.)

#include "dbnloop.h"
#include "dbnloop/live_client.hpp"
#include "dbnloop/session_event.hpp"

namespace {

using State = dbnloop::LiveClient::State;
using Kind = dbnloop::SessionEvent::Kind;

template <typename C, typename Cpp>
constexpr bool Same(C c, Cpp cpp) {
  return static_cast<unsigned>(c) == static_cast<unsigned>(cpp);
}

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
static_assert(Same(DBNLOOP_SESSION_UNSUBSCRIBE_ACK, Kind::UnsubscribeAck));
static_assert(Same(DBNLOOP_SESSION_UNSUBSCRIBE_OVERDUE, Kind::UnsubscribeOverdue));

}  // namespace
