// What the gateway says about the session, and what it fails to say in time.

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "client/live/session.hpp"
#include "dbnloop/enum_strings.hpp"
#include "dbnloop/rtype.hpp"
#include "proto/session_events.hpp"

namespace dbnloop {
namespace {

using Kind = SessionEvent::Kind;

std::string Reason(const SessionEvent& event) {
  auto words = base::Quoted(event.message);
  if (event.error_code != GatewayErrorCode::Unset) {
    words += " (" + std::string{TextOf(event.error_code)} + ")";
  }
  return words;
}

constexpr UnixNanos kNoTime{UnixNanos::duration{kUndefTimestamp}};

// From any time of the wire to any other: what does not fit is the longest that does.
std::chrono::nanoseconds Between(UnixNanos earlier, UnixNanos later) {
  const auto from = earlier.time_since_epoch().count();
  const auto to = later.time_since_epoch().count();
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto apart = static_cast<std::int64_t>(
      std::min(std::max(from, to) - std::min(from, to), kMost));
  return std::chrono::nanoseconds{to < from ? -apart : apart};
}

UnixNanos WallClock() {
  using std::chrono::nanoseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return UnixNanos{UnixNanos::duration{static_cast<std::uint64_t>(
      std::chrono::duration_cast<nanoseconds>(now).count())}};
}

}  // namespace

// ---- What it says -------------------------------------------------------------------

void LiveClient::Session::Observe(const RecordRun& run, const std::byte* records,
                                  std::size_t count, bool last) {
  const auto at = [&](std::size_t i) -> const RecordHeader& {
    return *reinterpret_cast<const RecordHeader*>(records + i * run.record_size);
  };
  if (last) {
    gateway_error_.clear();
    if (client_->TsOut()) ObserveLag(run, at(count - 1));
  }
  if (!proto::IsMessage(run.rtype)) return;
  for (std::size_t i = 0; i < count; ++i) {
    auto event = proto::ReadSessionEvent(at(i));
    if (!event) continue;
    // An error right before the end is the end's reason; one that records follow is
    // not.
    if (last && run.rtype == RType::Error) gateway_error_ = Reason(*event);
    Answered(*event);
    if (on_session_event) observed.push_back(std::move(*event));
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
  auto& stats = client_->stats_;
  stats.gateway_to_client.Add(Between(sent, WallClock()));
  if (run.typed == 0) return;
  VisitRType(run.rtype, [&]<typename T>(std::type_identity<T>) {
    if constexpr (requires(const T& r) { r.ts_recv; }) {
      const auto received = reinterpret_cast<const T&>(record).ts_recv;
      if (received == kNoTime) return;
      stats.venue_to_gateway.Add(Between(received, sent));
    }
  });
}

// A handler may do anything: pause, close, connect anew, destroy the client, throw.
// What was not told stays for later, unless the session is another one.
void LiveClient::Session::TellObserved() {
  const auto control = client_->control();
  const auto stream = control->stream;
  auto events = std::exchange(observed, {});
  std::size_t told = 0;
  const auto keep = [&] {
    if (control->destroyed || control->stream != stream) return;
    if (state != State::Ready && state != State::Streaming) return;
    observed.insert(
        observed.begin(),
        std::make_move_iterator(events.begin() + static_cast<std::ptrdiff_t>(told)),
        std::make_move_iterator(events.end()));
  };
  while (told < events.size() && !control->stop) {
    const auto handler = on_session_event;
    const auto& event = events[told++];
    if (!handler) continue;
    try {
      (*handler)(event);
    } catch (...) {
      keep();
      throw;
    }
    if (control->destroyed) return;
  }
  keep();
}

// ---- What it does not say -----------------------------------------------------------

void LiveClient::Session::AwaitAck(std::uint32_t id) {
  if (options_.ack_timeout.count() == 0) return;
  acks_.push_back({id, reactor_->Now()});
  if (state == State::Streaming && ack_ == 0) ArmAckTimer();
}

// The gateway answers in the stream: the time begins with that.
void LiveClient::Session::BeginAcks() {
  for (auto& ack : acks_) ack.since = last_byte_;
  ArmAckTimer();
}

// An answer that names no subscription is taken for the oldest one's.
void LiveClient::Session::Answered(const SessionEvent& event) {
  const bool refused = event.error_code == GatewayErrorCode::InvalidSubscription;
  if ((event.kind != Kind::SubscriptionAck && !refused) || acks_.empty()) return;
  const auto found =
      event.subscription_id == 0
          ? acks_.begin()
          : std::ranges::find(acks_, event.subscription_id, &AwaitedAck::id);
  if (found != acks_.end()) acks_.erase(found);
}

void LiveClient::Session::ArmAckTimer() {
  reactor_->Cancel(ack_);
  ack_ = 0;
  if (acks_.empty()) return;
  const auto oldest = std::ranges::min(acks_, {}, &AwaitedAck::since).since;
  ack_ = reactor_->After(std::max(oldest + options_.ack_timeout - reactor_->Now(), {}),
                         [this] { OnAckTimer(); });
}

void LiveClient::Session::OnAckTimer() {
  ack_ = 0;
  const auto now = reactor_->Now();
  if (client_->IsPaused() || client_->IsHeld()) {
    for (auto& ack : acks_) ack.since = now;
    ack_mark_.reset();
  } else if (IsBehind(ack_mark_)) {
    // The answer may be among what is handed out in the next turns.
    ack_ = reactor_->After({}, [this] { OnAckTimer(); });
    return;
  }
  const auto overdue = [&](const AwaitedAck& ack) {
    return now - ack.since >= options_.ack_timeout;
  };
  for (const auto& ack : acks_) {
    if (!overdue(ack) || !on_session_event) continue;
    observed.push_back({.kind = Kind::SubscriptionOverdue,
                        .subscription_id = ack.id,
                        .ts_event = kNoTime,
                        .message = "the gateway has not answered subscription " +
                                   std::to_string(ack.id) + " for " +
                                   std::to_string(options_.ack_timeout.count()) +
                                   " ms" + Where() +
                                   "; its symbols or its schema may be wrong"});
  }
  std::erase_if(acks_, overdue);
  if (!observed.empty()) ScheduleDelivery();
  ArmAckTimer();
}

}  // namespace dbnloop
