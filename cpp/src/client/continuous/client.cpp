#include "dbnloop/continuous_client.hpp"

#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "client/continuous/engine.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

ContinuousOptions Checked(ContinuousOptions options) {
  client::CheckTrailMemory(options.memory);
  if (options.min_delay.count() < 0 || options.max_delay < options.min_delay ||
      options.give_up_after.count() < 0 || options.replay_limit.count() < 0) {
    base::Throw(ErrorCode::InvalidArgument,
                "a delay is negative, or max_delay is less than min_delay");
  }
  constexpr std::chrono::milliseconds kLongest = std::chrono::years{10};
  options.max_delay = std::min(options.max_delay, kLongest);
  options.min_delay = std::min(options.min_delay, kLongest);
  options.give_up_after = std::min(options.give_up_after, kLongest);
  constexpr std::chrono::seconds kFarthest = std::chrono::years{100};
  options.replay_limit = std::min(options.replay_limit, kFarthest);
  options.live = client::Validated(std::move(options.live));
  options.history = client::Validated(std::move(options.history));
  if (options.max_cost && !(*options.max_cost >= 0)) {
    base::Throw(ErrorCode::InvalidArgument,
                "max_cost is not a number of US dollars from 0 on");
  }
  if (options.port < 1 || options.port > 65535) {
    base::Throw(ErrorCode::InvalidArgument,
                base::StrCat("port ", options.port, " is not in 1 to 65535"));
  }
  return options;
}

}  // namespace

ContinuousClient::ContinuousClient(Reactor* reactor, std::string api_key,
                                   ContinuousOptions options)
    : ContinuousClient{MakeEngine(reactor, std::move(api_key), std::move(options))} {}

ContinuousClient::ContinuousClient(std::unique_ptr<Engine> engine)
    : DataSource{engine->delivery()}, engine_{std::move(engine)} {}

ContinuousClient::~ContinuousClient() = default;

std::unique_ptr<ContinuousClient::Engine> ContinuousClient::MakeEngine(
    Reactor* reactor, std::string api_key, ContinuousOptions options) {
  if (reactor == nullptr) {
    base::Throw(ErrorCode::InvalidArgument, "ContinuousClient: the reactor is null");
  }
  auto checked = Checked(std::move(options));
  auto key = base::ToSecret(std::move(api_key));
  proto::ValidateApiKey(key);
  return std::make_unique<Engine>(reactor, std::move(key), std::move(checked));
}

std::uint32_t ContinuousClient::Subscribe(const Subscription& subscription,
                                          RecoveryPolicy policy) {
  return engine_->Subscribe(subscription, policy);
}

std::uint32_t ContinuousClient::Subscribe(std::string_view dataset,
                                          std::string_view symbols, Schema schema) {
  return Subscribe(Subscription{.dataset = std::string{dataset},
                                .schema = schema,
                                .stype_in = SType::RawSymbol,
                                .symbols = proto::SplitSymbols(symbols),
                                .start = std::nullopt,
                                .snapshot = false});
}

void ContinuousClient::Unsubscribe(const Unsubscription& unsubscription) {
  engine_->Unsubscribe(unsubscription);
}
std::vector<EffectiveRequest> ContinuousClient::Subscriptions() const {
  return engine_->Subscriptions();
}

void ContinuousClient::Start() { engine_->Start(); }
void ContinuousClient::Stop() { engine_->Stop(); }
void ContinuousClient::Pause() { engine_->Pause(); }
void ContinuousClient::Resume() { engine_->Resume(); }

std::vector<std::byte> ContinuousClient::Position(std::size_t consumed) const {
  return engine_->Position(consumed);
}
void ContinuousClient::ResumeFrom(std::span<const std::byte> position) {
  engine_->ResumeFrom(position);
}

ContinuousClient::State ContinuousClient::GetState() const noexcept {
  return engine_->state();
}
double ContinuousClient::Spent() const noexcept { return engine_->spent(); }

void ContinuousClient::OnContinuity(ContinuityHandler h) {
  engine_->on_continuity.Set(std::move(h));
}
void ContinuousClient::OnSessionEvent(LiveClient::SessionEventHandler h) {
  engine_->on_session_event.Set(std::move(h));
}
void ContinuousClient::OnState(StateHandler h) { engine_->on_state.Set(std::move(h)); }

std::string_view ToString(ContinuousClient::State state) noexcept {
  using State = ContinuousClient::State;
  switch (state) {
    case State::Stopped:
      return "Stopped";
    case State::Waiting:
      return "Waiting";
    case State::Connecting:
      return "Connecting";
    case State::History:
      return "History";
    case State::Replaying:
      return "Replaying";
    case State::Live:
      return "Live";
  }
  return "Unknown";
}

std::string_view ToString(RecoveryPolicy policy) noexcept {
  switch (policy) {
    case RecoveryPolicy::Replay:
      return "Replay";
    case RecoveryPolicy::Natural:
      return "Natural";
    case RecoveryPolicy::Snapshot:
      return "Snapshot";
  }
  return "Unknown";
}

std::string_view ToString(ContinuityEvent::Kind kind) noexcept {
  using Kind = ContinuityEvent::Kind;
  switch (kind) {
    case Kind::Reconnecting:
      return "Reconnecting";
    case Kind::Recovered:
      return "Recovered";
    case Kind::CaughtUp:
      return "CaughtUp";
    case Kind::Gap:
      return "Gap";
    case Kind::Price:
      return "Price";
  }
  return "Unknown";
}

std::string_view ToString(ContinuityEvent::GapReason reason) noexcept {
  using GapReason = ContinuityEvent::GapReason;
  switch (reason) {
    case GapReason::None:
      return "None";
    case GapReason::Contradiction:
      return "Contradiction";
    case GapReason::AgedOut:
      return "AgedOut";
    case GapReason::Price:
      return "Price";
    case GapReason::Policy:
      return "Policy";
    case GapReason::NoHistory:
      return "NoHistory";
  }
  return "Unknown";
}

}  // namespace dbnloop
