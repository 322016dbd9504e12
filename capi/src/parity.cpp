// The numbers of dbnloop.h, dbnloop_live.h and dbnloop_continuous.h are the C++
// library's, or this does not compile. (Those of the generated headers:
// records_parity.gen.cpp.)

#include "dbnloop.h"
#include "dbnloop/continuous_client.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/session_event.hpp"

namespace {

using State = dbnloop::LiveClient::State;
using Kind = dbnloop::SessionEvent::Kind;
using ContinuousState = dbnloop::ContinuousClient::State;
using ContinuityKind = dbnloop::ContinuityEvent::Kind;
using Gap = dbnloop::ContinuityEvent::GapReason;
using Policy = dbnloop::RecoveryPolicy;

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

static_assert(Same(DBNLOOP_CONTINUOUS_STOPPED, ContinuousState::Stopped));
static_assert(Same(DBNLOOP_CONTINUOUS_WAITING, ContinuousState::Waiting));
static_assert(Same(DBNLOOP_CONTINUOUS_CONNECTING, ContinuousState::Connecting));
static_assert(Same(DBNLOOP_CONTINUOUS_HISTORY, ContinuousState::History));
static_assert(Same(DBNLOOP_CONTINUOUS_REPLAYING, ContinuousState::Replaying));
static_assert(Same(DBNLOOP_CONTINUOUS_LIVE, ContinuousState::Live));

static_assert(Same(DBNLOOP_CONTINUITY_RECONNECTING, ContinuityKind::Reconnecting));
static_assert(Same(DBNLOOP_CONTINUITY_RECOVERED, ContinuityKind::Recovered));
static_assert(Same(DBNLOOP_CONTINUITY_CAUGHT_UP, ContinuityKind::CaughtUp));
static_assert(Same(DBNLOOP_CONTINUITY_GAP, ContinuityKind::Gap));
static_assert(Same(DBNLOOP_CONTINUITY_PRICE, ContinuityKind::Price));

static_assert(Same(DBNLOOP_GAP_NONE, Gap::None));
static_assert(Same(DBNLOOP_GAP_CONTRADICTION, Gap::Contradiction));
static_assert(Same(DBNLOOP_GAP_AGED_OUT, Gap::AgedOut));
static_assert(Same(DBNLOOP_GAP_PRICE, Gap::Price));
static_assert(Same(DBNLOOP_GAP_POLICY, Gap::Policy));
static_assert(Same(DBNLOOP_GAP_NO_HISTORY, Gap::NoHistory));

static_assert(Same(DBNLOOP_RECOVERY_REPLAY, Policy::Replay));
static_assert(Same(DBNLOOP_RECOVERY_NATURAL, Policy::Natural));
static_assert(Same(DBNLOOP_RECOVERY_SNAPSHOT, Policy::Snapshot));

}  // namespace
