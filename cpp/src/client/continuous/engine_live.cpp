// What the live session says, and what follows from it.

#include <algorithm>
#include <utility>

#include "base/unix_time.hpp"
#include "client/continuous/engine.hpp"

namespace dbnloop {
namespace {

using StreamKind = ContinuityEvent::Kind;
using GapKind = ContinuityEvent::GapReason;

}  // namespace

void ContinuousClient::Engine::OnLiveState(LiveClient::State state) {
  if (state == LiveClient::State::Ready) authenticated_once_ = true;
  if (state != LiveClient::State::Streaming) return;
  (void)SetState(screen_.open() ? State::Replaying : State::Live);
}

// The user first, who may do anything; then what follows.
void ContinuousClient::Engine::OnLiveEvent(const SessionEvent& event) {
  const auto stream = delivery_->WatchStream();
  on_session_event(event);
  if (stream.ended() || stopping_) return;
  switch (event.kind) {
    case SessionEvent::Kind::ReplayCompleted:
      return OnReplayCompleted(event);
    case SessionEvent::Kind::RecordsSkipped:
      return OnSkipped(event);
    case SessionEvent::Kind::UnsubscribeAck:
      unanswered_ -= std::min<std::size_t>(unanswered_, 1);
      return;
    case SessionEvent::Kind::GatewayError:
      last_gateway_code_ = event.error_code;
      if (event.error_code == GatewayErrorCode::ReplayDataAgedOut) {
        return OnAgedOut(event);
      }
      if (event.error_code == GatewayErrorCode::InvalidSubscription) {
        return OnRefused(event);
      }
      return;
    default:
      return;
  }
}

void ContinuousClient::Engine::OnReplayCompleted(const SessionEvent& event) {
  if (!event.schema) return;
  const auto schema = *event.schema;
  const auto outcome = screen_.Complete(schema);
  if (!outcome) return;
  UpdateScreens();
  history_done_.erase(schema);
  from_history_.erase(schema);
  for (auto& wanted : wanted_) {
    if (wanted.subscription.schema == schema) wanted.owed.reset();
  }
  const auto until = std::max(outcome->to, base::NanosOrZero(event.ts_event));
  if (broke_ || resumed_) {
    ContinuityEvent recovered{.kind = StreamKind::Recovered};
    recovered.schema = schema;
    recovered.from = base::TimeOf(outcome->from);
    recovered.to = base::TimeOf(outcome->to);
    recovered.replayed = outcome->replayed;
    recovered.dropped = outcome->dropped;
    const auto stream = delivery_->WatchStream();
    if (!Report(recovered) || stream.ended()) return;
  }
  if (outcome->missing) {
    const auto stream = delivery_->WatchStream();
    if (!ReportGap(schema, *outcome->missing, until, GapKind::Contradiction) ||
        stream.ended()) {
      return;
    }
  }
  CatchUp();
}

// The last replay may have been completed.
void ContinuousClient::Engine::CatchUp() {
  UpdateScreens();
  if (screen_.open() || state() != State::Replaying) return;
  if (SetState(State::Live)) (void)Report({.kind = StreamKind::CaughtUp});
}

ContinuousClient::Engine::Wanted* ContinuousClient::Engine::WantedOf(
    const SessionEvent& event) {
  for (auto& wanted : wanted_) {
    if (event.subscription_id != 0 && wanted.session_id == event.subscription_id) {
      return &wanted;
    }
  }
  if (event.schema) {
    for (auto& wanted : wanted_) {
      if (wanted.subscription.schema == *event.schema) return &wanted;
    }
  }
  return wanted_.size() == 1 ? &wanted_.front() : nullptr;
}

// A refusal that names no subscription is taken for that of the replay that goes back
// furthest: one that nobody answers for would never be completed.
ContinuousClient::Engine::Wanted* ContinuousClient::Engine::AgedOutOf(
    const SessionEvent& event) {
  if (auto* const named = WantedOf(event)) return named;
  Wanted* oldest = nullptr;
  for (auto& wanted : wanted_) {
    if (!screen_.Expects(wanted.subscription.schema)) continue;
    if (oldest == nullptr || wanted.asked < oldest->asked) oldest = &wanted;
  }
  return oldest;
}

// History has what the gateway no longer retains. Where it was asked already, or may
// not be asked, the rest is a gap, and the subscription begins with the present.
void ContinuousClient::Engine::OnAgedOut(const SessionEvent& event) {
  auto* const wanted = AgedOutOf(event);
  if (wanted == nullptr || !screen_.Expects(wanted->subscription.schema)) return;
  const auto schema = wanted->subscription.schema;
  from_history_.insert(schema);
  if (!history_done_.contains(schema)) {
    ProceedLater();
    return live_.Close();
  }
  const auto known = trail_.Collect(delivery_->parser());
  const auto from = StartOf(*wanted, known).value_or(0);
  screen_.Abandon(schema);
  wanted->owed.reset();
  auto subscription = wanted->subscription;
  subscription.start.reset();
  wanted->session_id = live_.Subscribe(subscription);
  const auto stream = delivery_->WatchStream();
  if (!ReportGap(schema, from, base::NanosOrZero(event.ts_event), GapKind::AgedOut,
                 {ErrorCode::GatewayError, event.message}) ||
      stream.ended()) {
    return;
  }
  CatchUp();
}

// What is refused once is not asked for again; without a subscription there is no
// stream. A refusal that names no subscription answers an unsubscription, as long as
// one waits for its answer: to give up a subscription by mistake would lose its
// records.
void ContinuousClient::Engine::OnRefused(const SessionEvent& event) {
  if (event.subscription_id == 0 && unanswered_ != 0) {
    --unanswered_;
    return;
  }
  auto* const wanted = WantedOf(event);
  if (wanted == nullptr) return;
  wanted->refused = true;
  const auto schema = wanted->subscription.schema;
  const bool others = std::ranges::any_of(wanted_, [&](const Wanted& other) {
    return !other.refused && other.active && other.subscription.schema == schema;
  });
  if (!others) screen_.Abandon(schema);
  if (std::ranges::all_of(wanted_, &Wanted::refused)) {
    FinishLater(
        {ErrorCode::GatewayError,
         "the gateway refused every subscription; the last one: " + event.message});
    return live_.Close();
  }
  CatchUp();
}

// The records that the gateway left out are recovered like those of a broken session.
void ContinuousClient::Engine::OnSkipped(const SessionEvent& event) {
  Guarded([&] {
    live_.Close();
    Retry({ErrorCode::GatewayError,
           "the gateway skipped records, because they were read too slowly: " +
               event.message});
  });
}

}  // namespace dbnloop
