// What the gateway reports about the session, and what it fails to report in time.

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/str_cat.hpp"
#include "base/text.hpp"
#include "base/unix_time.hpp"
#include "client/live/session.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/rtype.hpp"
#include "proto/session_events.hpp"

namespace dbnloop {
namespace {

using Kind = SessionEvent::Kind;

std::string Reason(const SessionEvent& event) {
  auto reason = base::Quoted(event.message);
  if (event.error_code != GatewayErrorCode::Unset) {
    reason += " (" + std::string{TextOf(event.error_code)} + ")";
  }
  return reason;
}

constexpr auto kNoTime = base::TimeOf(kUndefTimestamp);

// From any time of the wire to any other: what does not fit is the longest that does.
std::chrono::nanoseconds Between(UnixNanos earlier, UnixNanos later) {
  const auto from = base::NanosOf(earlier);
  const auto to = base::NanosOf(later);
  constexpr std::uint64_t kLongest = std::numeric_limits<std::int64_t>::max();
  const auto apart = static_cast<std::int64_t>(
      std::min(std::max(from, to) - std::min(from, to), kLongest));
  return std::chrono::nanoseconds{to < from ? -apart : apart};
}

}  // namespace

// ---- What it says -------------------------------------------------------------------

void LiveClient::Session::ObserveConsumed(const RecordRun& run,
                                          const std::byte* records, std::size_t count,
                                          bool last) {
  const auto at = [&](std::size_t i) -> const RecordHeader& {
    return *reinterpret_cast<const RecordHeader*>(records + i * run.record_size);
  };
  if (last) {
    gateway_error_.clear();
    if (delivery_->parser().ts_out()) ObserveLag(run, at(count - 1));
  }
  if (!proto::HoldsSessionEvent(run.rtype)) return;
  for (std::size_t i = 0; i < count; ++i) {
    auto event = proto::ReadSessionEvent(at(i));
    if (!event) continue;
    // An error right before the end is the end's reason; one that records follow is
    // not.
    if (last && run.rtype == RType::Error) gateway_error_ = Reason(*event);
    AcceptAck(*event);
    if (on_session_event) observed_.push_back(std::move(*event));
  }
}

void LiveClient::Session::ObserveLag(const RecordRun& run, const RecordHeader& record) {
  std::uint64_t ns = 0;
  const auto* end = reinterpret_cast<const std::byte*>(&record) + run.record_size;
  std::memcpy(&ns, end - sizeof(ns), sizeof(ns));
  const UnixNanos sent{UnixNanos::duration{ns}};
  if (run.record_size < sizeof(RecordHeader) + sizeof(ns) || sent == kNoTime) {
    return;
  }
  auto& counters = delivery_->counters();
  counters.gateway_to_client.Add(Between(sent, base::SystemNow()));
  if (run.typed == 0) return;
  VisitRType(run.rtype, [&]<typename T>(std::type_identity<T>) {
    if constexpr (requires(const T& r) { r.ts_recv; }) {
      const auto received = reinterpret_cast<const T&>(record).ts_recv;
      if (received == kNoTime) return;
      counters.venue_to_gateway.Add(Between(received, sent));
    }
  });
}

// A handler may do anything: pause, close, connect again, destroy the client, throw.
// What was not reported stays for later, unless the session ended.
void LiveClient::Session::NotifyObserved() {
  const auto stream = delivery_->WatchStream();
  auto events = std::exchange(observed_, {});
  auto next = events.begin();
  const auto keep_rest = [&] {
    if (stream.ended()) return;
    observed_.insert(observed_.begin(), std::move_iterator{next},
                     std::move_iterator{events.end()});
  };
  try {
    while (next != events.end() && !stream.ended() && !delivery_->IsBlocked()) {
      on_session_event(*next++);
    }
  } catch (...) {
    keep_rest();
    throw;
  }
  keep_rest();
}

// ---- What it does not say -----------------------------------------------------------

void LiveClient::Session::AwaitAck(std::uint32_t id, Schema schema) {
  if (options_.ack_timeout.count() == 0) return;
  acks_.push_back({id, schema, reactor_->Now()});
  if (state() == State::Streaming && !ack_.armed()) ArmAckTimer();
}

// The gateway answers in the stream: the time begins with that.
void LiveClient::Session::BeginAcks() {
  for (auto& ack : acks_) ack.since = silent_since_;
  ArmAckTimer();
}

// An answer that names no subscription is taken for the oldest one's. Unsubscriptions
// have no names, but their answer may name the schema.
void LiveClient::Session::AcceptAck(const SessionEvent& event) {
  const bool refused = event.error_code == GatewayErrorCode::InvalidSubscription;
  const auto answers = [&](const AwaitedAck& ack) {
    if (event.kind == Kind::UnsubscribeAck) {
      return ack.id == 0 && (!event.schema || *event.schema == ack.schema);
    }
    if (event.subscription_id != 0) return ack.id == event.subscription_id;
    return refused || ack.id != 0;
  };
  if (event.kind != Kind::SubscriptionAck && event.kind != Kind::UnsubscribeAck &&
      !refused) {
    return;
  }
  const auto found = std::ranges::find_if(acks_, answers);
  if (found != acks_.end()) acks_.erase(found);
}

void LiveClient::Session::ArmAckTimer() {
  if (acks_.empty()) return ack_.Disarm();
  const auto oldest = std::ranges::min(acks_, {}, &AwaitedAck::since).since;
  ack_.Arm(oldest + options_.ack_timeout - reactor_->Now(), [this] { OnAckTimer(); });
}

// A kind of its own for unsubscriptions: what a missing answer means is the opposite.
// After one to a subscription records may be missing, after one to an unsubscription
// there may be too many.
SessionEvent LiveClient::Session::OverdueEvent(const AwaitedAck& ack) const {
  const auto waited =
      base::StrCat(" for ", options_.ack_timeout.count(), " ms", Where());
  if (ack.id == 0) {
    return {.kind = Kind::UnsubscribeOverdue,
            .schema = ack.schema,
            .ts_event = kNoTime,
            .message =
                base::StrCat("the gateway has not answered an unsubscription of ",
                             TextOf(ack.schema), waited, "; its records may continue")};
  }
  return {.kind = Kind::SubscriptionOverdue,
          .subscription_id = ack.id,
          .ts_event = kNoTime,
          .message = base::StrCat("the gateway has not answered subscription ", ack.id,
                                  waited, "; its symbols or its schema may be wrong")};
}

void LiveClient::Session::OnAckTimer() {
  const auto now = reactor_->Now();
  if (delivery_->IsPaused() || delivery_->IsHeld()) {
    for (auto& ack : acks_) ack.since = now;
    ack_mark_.reset();
  } else if (IsBehind(ack_mark_)) {
    // The answer may be among what is handed out in the next turns.
    return ack_.Arm({}, [this] { OnAckTimer(); });
  }
  const auto overdue = [&](const AwaitedAck& ack) {
    return now - ack.since >= options_.ack_timeout;
  };
  for (const auto& ack : acks_) {
    if (!overdue(ack) || !on_session_event) continue;
    observed_.push_back(OverdueEvent(ack));
  }
  std::erase_if(acks_, overdue);
  if (HasObserved()) delivery_->Schedule();
  ArmAckTimer();
}

}  // namespace dbnloop
