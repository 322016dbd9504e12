#include "client/continuous/engine.hpp"

#include <algorithm>
#include <utility>

#include "base/str_cat.hpp"
#include "base/throw.hpp"
#include "base/unix_time.hpp"
#include "client/continuous/position.hpp"
#include "dbnloop/enum_strings.hpp"
#include "proto/validate.hpp"

namespace dbnloop {
namespace {

using StreamKind = ContinuityEvent::Kind;
using GapKind = ContinuityEvent::GapReason;

// A refusal of the key may be the gateway's way to say that it still counts the broken
// session.
constexpr std::uint32_t kMostRefusals = 10;
// More of them without a new record, and the replay is taking too long.
constexpr std::uint32_t kPatientAttempts = 3;

LiveOptions SessionOptions(const ContinuousOptions& options) {
  auto live = options.live;
  if (!live.slow_reader_behavior) live.slow_reader_behavior = SlowReaderBehavior::Warn;
  return live;
}

}  // namespace

Error ContinuousClient::Engine::Stopped() {
  return {ErrorCode::Cancelled, "the stream was stopped by this client"};
}

ContinuousClient::Engine::Engine(Reactor* reactor, base::SecretString api_key,
                                 ContinuousOptions options)
    : reactor_{reactor},
      options_{std::move(options)},
      trail_{options_.memory},
      delivery_{std::make_shared<Delivery>(
          reactor,
          ParserOptions{.buffer_size = options_.live.buffer_size,
                        .max_metadata = options_.live.max_metadata,
                        .upgrade_policy = options_.live.upgrade_policy,
                        .fragment = std::nullopt},
          this)},
      backoff_{options_.min_delay, options_.max_delay,
               static_cast<std::uint64_t>(reactor->Now().time_since_epoch().count())},
      api_key_{api_key},
      dataset_{options_.live.dataset},
      live_{reactor, std::move(api_key), SessionOptions(options_), delivery_},
      next_{reactor} {
  delivery_->SetTap(this);
  delivery_->parser().SetKeeper(&trail_);
  live_.on_state.Set([this](LiveClient::State state) { OnLiveState(state); });
  live_.on_session_event.Set([this](const SessionEvent& event) { OnLiveEvent(event); });
}

ContinuousClient::Engine::~Engine() {
  delivery_->Detach();
  delivery_->SetTap(nullptr);
  delivery_->parser().SetKeeper(nullptr);
}

// ---- Calls of the user --------------------------------------------------------------

std::uint32_t ContinuousClient::Engine::Subscribe(const Subscription& subscription,
                                                  RecoveryPolicy policy) {
  proto::ValidateSubscription(subscription);
  if (!subscription.dataset.empty()) {
    proto::ValidateDataset(subscription.dataset);
    if (dataset_.empty()) dataset_ = subscription.dataset;
    if (dataset_ != subscription.dataset) {
      base::Throw(ErrorCode::InvalidDataset,
                  "Subscribe: this stream's dataset is " + dataset_ +
                      "; use another client for " + subscription.dataset);
    }
  }
  if (dataset_.empty()) {
    base::Throw(ErrorCode::InvalidDataset,
                "Subscribe: no dataset is known; name it in the first subscription or "
                "in the options");
  }
  if (policy == RecoveryPolicy::Snapshot && subscription.schema != Schema::Mbo) {
    base::Throw(ErrorCode::InvalidArgument,
                "Subscribe: only mbo has snapshots; use the policy Replay or Natural");
  }
  for (const auto& other : wanted_) {
    if (other.subscription.schema == subscription.schema && other.policy != policy) {
      base::Throw(
          ErrorCode::InvalidArgument,
          base::StrCat("Subscribe: all subscriptions of ", TextOf(subscription.schema),
                       " need the same policy, which is ", ToString(other.policy)));
    }
  }
  if (subscription.start && *subscription.start > base::SystemNow()) {
    base::Throw(
        ErrorCode::InvalidArgument,
        base::StrCat("Subscribe: the start, ", base::NanosOf(*subscription.start),
                     " ns, lies in the future; leave it out to begin now"));
  }
  if (subscription.start && state() != State::Stopped) {
    base::Throw(ErrorCode::InvalidState,
                "Subscribe: a subscription with start must be made before Start");
  }
  auto& wanted =
      wanted_.emplace_back(Wanted{.subscription = subscription, .policy = policy});
  wanted.subscription.dataset.clear();
  const auto number = static_cast<std::uint32_t>(wanted_.size());
  try {
    if (live_.state() != LiveClient::State::Disconnected) {
      wanted.joined = session_began_;
      wanted.session_id = live_.Subscribe(wanted.subscription);
    }
    set_.Add(wanted.subscription, number);
  } catch (...) {
    wanted_.pop_back();
    throw;
  }
  return number;
}

void ContinuousClient::Engine::Unsubscribe(const Unsubscription& unsubscription) {
  if (!unsubscription.dataset.empty() && unsubscription.dataset != dataset_) {
    base::Throw(ErrorCode::InvalidDataset,
                "Unsubscribe: this stream's dataset is " + dataset_);
  }
  if (stopping_) {
    base::Throw(ErrorCode::InvalidState, "Unsubscribe: the stream is being stopped");
  }
  auto own = unsubscription;
  own.dataset.clear();
  proto::ValidateUnsubscription(own);
  set_.Remove(own);
  if (live_.state() != LiveClient::State::Disconnected) UnsubscribeNow(own);
}

void ContinuousClient::Engine::UnsubscribeNow(const Unsubscription& unsubscription) {
  live_.Unsubscribe(unsubscription);
  ++unanswered_;
}

// What is still wanted of each subscription.
std::vector<EffectiveRequest> ContinuousClient::Engine::Refresh() {
  auto requests = set_.Effective();
  for (auto& wanted : wanted_) wanted.active = false;
  for (const auto& request : requests) {
    const auto* const made = std::get_if<EffectiveSubscription>(&request);
    if (made == nullptr) continue;
    auto& wanted = wanted_[made->id - 1];
    wanted.active = true;
    wanted.subscription.symbols = made->subscription.symbols;
  }
  return requests;
}

void ContinuousClient::Engine::Start() {
  if (state() != State::Stopped) {
    base::Throw(ErrorCode::InvalidState, "Start: the stream was started already");
  }
  if (wanted_.empty()) {
    base::Throw(ErrorCode::InvalidState,
                "Start: nothing was subscribed to; call Subscribe first");
  }
  delivery_->ResetCounters();
  backoff_.Reset();
  progress_ = reactor_->Now();
  stopping_ = authenticated_once_ = false;
  history_done_.clear();
  ProceedLater();
  (void)SetState(State::Connecting);
}

void ContinuousClient::Engine::Stop() {
  if (state() == State::Stopped || stopping_) return;
  stopping_ = true;
  if (live_.state() != LiveClient::State::Disconnected) return live_.Stop();
  if (history_session_ != nullptr && history_session_->streaming()) {
    return history_session_->Stop();
  }
  FinishLater(Stopped());
}

void ContinuousClient::Engine::Pause() {
  live_.Pause();
  if (history_session_ != nullptr) history_session_->Pause();
}

void ContinuousClient::Engine::Resume() { live_.Resume(); }

std::vector<std::byte> ContinuousClient::Engine::Position(std::size_t consumed) const {
  if (delivery_->IsPumping()) {
    base::Throw(ErrorCode::InvalidState,
                "Position: records are being delivered; pause, and ask when Poll has "
                "returned");
  }
  return client::EncodePosition(
      dataset_, trail_.Collect(delivery_->parser(), delivery_->HeldSource(consumed)));
}

void ContinuousClient::Engine::ResumeFrom(std::span<const std::byte> position) {
  if (state() != State::Stopped) {
    base::Throw(ErrorCode::InvalidState, "ResumeFrom: call it before Start");
  }
  auto known = client::DecodePosition(position, dataset_);
  trail_.Reset();
  trail_.Seed(std::move(known));
  resumed_ = true;
}

// ---- What comes next ----------------------------------------------------------------

// Where the replay of a subscription must begin. Of an rtype that was silent for hours,
// while others were not, only as much is asked for as it may be late.
std::optional<std::uint64_t> ContinuousClient::Engine::StartOf(
    const Wanted& wanted, const client::KnownStream& known) const {
  const auto& subscription = wanted.subscription;
  std::optional<std::uint64_t> start;
  if (subscription.start) start = base::NanosOf(*subscription.start);
  const auto joined = start || wanted.joined == 0 ? start : wanted.joined;
  const auto rtype = client::RTypeOf(subscription.schema);
  const auto found = known.rtypes.find(rtype);
  if (found == known.rtypes.end() || found->second.records.empty()) {
    start = joined;
  } else if (const auto upto = client::HandedOutUpTo(found->second)) {
    start = std::max(start.value_or(0), *upto);
  } else if (!start) {
    // The gateway's clock may be ahead of that of the records.
    const auto& records = found->second.records;
    const auto lowest =
        std::ranges::min(records, {}, &client::KnownRecord::clock).clock;
    start =
        lowest != kUndefTimestamp ? std::min(joined.value_or(lowest), lowest) : joined;
  }
  const auto reached = reached_.find(subscription.schema);
  const auto latest =
      std::max(known.latest, reached != reached_.end() ? reached->second : 0);
  const auto late = client::LatenessOf(rtype);
  // What history had need not be replayed, apart from what it received about then.
  if (start && reached != reached_.end() &&
      history_done_.contains(subscription.schema)) {
    const auto skew = client::SeamSkewOf(rtype);
    start = std::max(*start, reached->second - std::min(reached->second, skew));
  }
  if (latest > late && (start || resumed_ || latest != 0)) {
    // Other schemas may have come further than a replay that this one still lacks.
    const auto bound = latest - late;
    start = std::max(start.value_or(0), std::min(bound, wanted.owed.value_or(bound)));
  }
  return start;
}

void ContinuousClient::Engine::ProceedLater() {
  next_.Defer([this] { Guarded([this] { Proceed(); }); });
}

void ContinuousClient::Engine::Proceed() {
  if (stopping_) return Finish(Stopped());
  // It could not be closed when it should have been: memory was short.
  if (live_.state() != LiveClient::State::Disconnected) live_.Close();
  // What a binding still holds belongs to the session that ended.
  held_up_ = delivery_->IsHeld();
  if (held_up_) return;
  auto known = trail_.Collect(delivery_->parser());
  const bool hurried = backoff_.attempt() > kPatientAttempts;
  for (auto& [rtype, evidence] : known.rtypes) evidence.hurried = hurried;
  (void)Refresh();
  const bool history = std::ranges::any_of(wanted_, [&](const Wanted& wanted) {
    return StartOf(wanted, known) && NeedsHistory(wanted);
  });
  if (history) {
    BeginHistory(known);
  } else {
    Connect(known);
  }
}

void ContinuousClient::Engine::Connect(const client::KnownStream& known) {
  if (!SetState(State::Connecting) || stopping_) return;
  screen_.Reset();
  handed_out_ = false;
  session_began_ = 0;
  unanswered_ = 0;
  ++sessions_;
  live_.Connect(
      options_.gateway.empty() ? proto::GatewayHost(dataset_) : options_.gateway,
      options_.port);
  if (state() != State::Connecting || stopping_) return;
  for (const auto& request : Refresh()) {
    if (const auto* const made = std::get_if<EffectiveSubscription>(&request)) {
      auto& wanted = wanted_[made->id - 1];
      if (!wanted.refused) SubscribeAgain(wanted, known);
    } else {
      UnsubscribeNow(std::get<Unsubscription>(request));
    }
  }
  live_.Start();
  UpdateScreens();
}

// In a new session, so that nothing of it is missed.
void ContinuousClient::Engine::SubscribeAgain(Wanted& wanted,
                                              const client::KnownStream& known) {
  auto subscription = wanted.subscription;
  const auto schema = subscription.schema;
  subscription.dataset = dataset_;
  subscription.start.reset();
  const auto start = StartOf(wanted, known);
  const bool gap = gaps_.contains(schema);
  wanted.asked = 0;
  if (gap) wanted.owed.reset();
  if (wanted.policy == RecoveryPolicy::Replay && start && !gap) {
    subscription.start = base::TimeOf(*start);
    wanted.asked = *start;
    if (!wanted.owed) wanted.owed = start;
    subscription.snapshot = false;
    const auto rtype = client::RTypeOf(schema);
    const bool joined = std::ranges::none_of(wanted_, [&](const Wanted& other) {
      return other.subscription.start &&
             client::RTypeOf(other.subscription.schema) == rtype;
    });
    screen_.Expect(schema, known, *start, joined);
  } else if (wanted.policy == RecoveryPolicy::Snapshot) {
    subscription.snapshot = true;
  }
  const bool broke = broke_ || resumed_;
  if (wanted.policy != RecoveryPolicy::Replay && broke && !gap) {
    gaps_[schema] = {LatestOf(schema, known), GapKind::Policy};
  }
  wanted.session_id = live_.Subscribe(subscription);
}

std::uint64_t ContinuousClient::Engine::LatestOf(Schema schema,
                                                 const client::KnownStream& known) {
  const auto found = known.rtypes.find(client::RTypeOf(schema));
  std::uint64_t latest = 0;
  if (found == known.rtypes.end()) return latest;
  for (const auto& record : found->second.records) {
    if (record.clock != kUndefTimestamp) latest = std::max(latest, record.clock);
  }
  return latest;
}

// ---- Sessions end -------------------------------------------------------------------

void ContinuousClient::Engine::OnSessionEnd(const Error& error) {
  Guarded([&] { ContinueAfter(error); });
}

void ContinuousClient::Engine::ContinueAfter(const Error& error) {
  if (error.code == ErrorCode::Cancelled || IsFinal(error)) return Finish(error);
  // The connection may break before the gateway has noticed the end.
  if (stopping_) return Finish(Stopped());
  if (state() == State::History && error.http && !error.http->Retryable()) {
    return GiveUpHistory(GapKind::NoHistory, error);
  }
  Retry(error);
}

// Whether no retry can mend it. A gateway that has let this key in may refuse it for a
// while, because it still counts the session that broke.
bool ContinuousClient::Engine::IsFinal(const Error& error) const {
  switch (error.code) {
    case ErrorCode::InvalidApiKey:
    case ErrorCode::InvalidDataset:
    case ErrorCode::InvalidSymbol:
    case ErrorCode::InvalidSchema:
    case ErrorCode::InvalidArgument:
    case ErrorCode::InvalidState:
    case ErrorCode::CertificateError:
    case ErrorCode::LimitExceeded:
    case ErrorCode::OutOfMemory:
      return true;
    case ErrorCode::AuthFailed:
      return !authenticated_once_ || backoff_.attempt() > kMostRefusals;
    case ErrorCode::InvalidGreeting:
    case ErrorCode::InvalidChallenge:
      return !authenticated_once_;
    case ErrorCode::GatewayError:
      return last_gateway_code_ == GatewayErrorCode::AuthFailed ||
             last_gateway_code_ == GatewayErrorCode::ApiKeyDeactivated;
    default:
      return false;
  }
}

void ContinuousClient::Engine::Retry(const Error& error) {
  const auto now = reactor_->Now();
  if (handed_out_) {
    backoff_.Reset();
    progress_ = now;
  }
  const auto attempt = backoff_.attempt();
  const auto delay = backoff_.Next();
  const auto limit = options_.give_up_after;
  if (limit.count() != 0 && now + delay - progress_ > limit) {
    auto last = error;
    last.message += base::StrCat("; this client gave up after ", limit.count(),
                                 " ms and ", attempt - 1, " further attempts");
    return Finish(last);
  }
  handed_out_ = false;
  broke_ = true;
  next_.Arm(delay, [this] { Guarded([this] { Proceed(); }); });
  ContinuityEvent event{.kind = StreamKind::Reconnecting};
  event.attempt = attempt;
  event.delay = delay;
  event.reason = error;
  if (SetState(State::Waiting)) (void)Report(event);
}

// The state, then the reason: OnError is the last handler.
void ContinuousClient::Engine::Finish(const Error& error) {
  next_.Disarm();
  screen_.Reset();
  gaps_.clear();
  stopping_ = held_up_ = false;
  CancelCalls();
  UpdateScreens();
  resumed_ = true;  // another Start continues here
  if (!SetState(State::Stopped) || state() != State::Stopped) return;
  delivery_->on_error(error);
}

void ContinuousClient::Engine::FinishLater(Error error) {
  CancelCalls();
  next_.Defer([this, error = std::move(error)] { Finish(error); });
}

// ---- What the delivery asks and tells -----------------------------------------------

client::DeliveryTap::Verdict ContinuousClient::Engine::Screen(const RecordRun& run,
                                                              std::byte* source,
                                                              std::size_t source_size) {
  const auto& parser = delivery_->parser();
  const auto version = parser.input_version();
  if (run.rtype != RType::SymbolMapping) {
    return screen_.Judge(run, source, source_size, version, parser.ts_out());
  }
  Verdict verdict{0, false};
  for (; verdict.count < run.count; ++verdict.count, source += source_size) {
    const client::CanonicalRecord record{source, source_size, version, parser.ts_out()};
    const auto* const mapping = record.As<SymbolMappingMsg>();
    const bool deliver = mapping == nullptr || !mappings_.Has(*mapping);
    if (verdict.count != 0 && deliver != verdict.deliver) break;
    verdict.deliver = deliver;
  }
  return verdict;
}

bool ContinuousClient::Engine::AllNew(const RecordRun& run, const std::byte* source) {
  const auto& parser = delivery_->parser();
  return screen_.AllNew(run, source, parser.input_version(), parser.ts_out());
}

void ContinuousClient::Engine::CountHandedOut(RType rtype, std::size_t count) noexcept {
  trail_.Count(rtype, count);
  if (!client::IsMarketData(rtype)) return;
  handed_out_ = began_ = true;
  if (!screens_) return;
  screen_.CountHandedOut(rtype, count);
  UpdateScreens();
}

void ContinuousClient::Engine::ObserveMappings(const RecordRun& run,
                                               const std::byte* records,
                                               std::size_t count) {
  if (run.record_size < sizeof(SymbolMappingMsg)) return;
  for (std::size_t i = 0; i < count; ++i) {
    mappings_.Add(
        *reinterpret_cast<const SymbolMappingMsg*>(records + i * run.record_size));
  }
}

// Mappings come before the data. Once there is data, and no replay, nothing needs to be
// judged.
void ContinuousClient::Engine::UpdateScreens() noexcept {
  screens_ =
      state() != State::Stopped && (screen_.open() || (sessions_ > 1 && !handed_out_));
}

bool ContinuousClient::Engine::Admits(const Metadata& metadata) {
  if (state() != State::History) {
    session_began_ = base::NanosOrZero(metadata.start);
    if (TurnsToHistory()) return false;
    for (auto& wanted : wanted_) {
      const bool replaced = wanted.policy != RecoveryPolicy::Replay;
      if (wanted.joined == 0 || replaced) wanted.joined = session_began_;
    }
    const auto gaps = std::exchange(gaps_, {});
    for (const auto& [schema, gap] : gaps) {
      if (!ReportGap(schema, gap.from, session_began_, gap.reason, gap.why)) {
        return false;
      }
    }
  }
  const auto same = [](const Metadata& a, const Metadata& b) {
    return a.version == b.version && a.dataset == b.dataset && a.schema == b.schema &&
           a.ts_out == b.ts_out && a.stype_in == b.stype_in &&
           a.stype_out == b.stype_out;
  };
  if (metadata_ && metadata.mappings.empty() && same(*metadata_, metadata)) {
    return false;
  }
  metadata_ = metadata;
  return true;
}

void ContinuousClient::Engine::OnRelease() {
  if (std::exchange(held_up_, false)) ProceedLater();
}

// ---- Reports ------------------------------------------------------------------------

bool ContinuousClient::Engine::SetState(State next) {
  if (state_.exchange(next, std::memory_order_relaxed) == next) return true;
  UpdateScreens();
  const auto stream = delivery_->WatchStream();
  on_state(next);
  return !stream.destroyed() && state() == next;
}

bool ContinuousClient::Engine::Report(const ContinuityEvent& event) {
  const auto stream = delivery_->WatchStream();
  on_continuity(event);
  return !stream.destroyed();
}

bool ContinuousClient::Engine::ReportGap(Schema schema, std::uint64_t from,
                                         std::uint64_t to, GapKind reason, Error why) {
  ContinuityEvent event{.kind = StreamKind::Gap, .gap = reason};
  event.reason = std::move(why);
  event.schema = schema;
  event.from = base::TimeOf(from);
  event.to = base::TimeOf(std::max(from, to));
  return Report(event);
}

}  // namespace dbnloop
