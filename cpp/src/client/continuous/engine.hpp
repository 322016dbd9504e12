#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "client/continuous/backoff.hpp"
#include "client/continuous/screen.hpp"
#include "client/continuous/trail.hpp"
#include "client/delivery.hpp"
#include "client/historical/impl.hpp"
#include "client/live/session.hpp"
#include "client/shared_handler.hpp"
#include "dbnloop/continuous_client.hpp"
#include "dbnloop/historical_api.hpp"
#include "net/timer.hpp"
#include "proto/subscription_set.hpp"

namespace dbnloop {

/// What a continuous client is made of: one delivery that live sessions and historical
/// ranges feed in turn, the trail of what was handed out, the screen that recognises
/// what comes again, and the decision what comes next.
class ContinuousClient::Engine final : public client::DeliveryTap,
                                       public client::DeliveryObserver {
 public:
  Engine(Reactor* reactor, base::SecretString api_key, ContinuousOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::uint32_t Subscribe(const Subscription& subscription, RecoveryPolicy policy);
  void Unsubscribe(const Unsubscription& unsubscription);
  [[nodiscard]] std::vector<EffectiveRequest> Subscriptions() const {
    return set_.Effective();
  }
  void Start();
  void Stop();
  void Pause();
  void Resume();
  [[nodiscard]] std::vector<std::byte> Position(std::size_t consumed) const;
  void ResumeFrom(std::span<const std::byte> position);

  [[nodiscard]] const std::shared_ptr<Delivery>& delivery() const noexcept {
    return delivery_;
  }
  /// Any thread may read it.
  [[nodiscard]] State state() const noexcept {
    return state_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] double spent() const noexcept { return spent_; }

  client::SharedHandler<const ContinuityEvent&> on_continuity;
  client::SharedHandler<const SessionEvent&> on_session_event;
  client::SharedHandler<State> on_state;

 private:
  /// A subscription of the user's, and what is known of its records.
  struct Wanted {
    Subscription subscription;
    RecoveryPolicy policy = RecoveryPolicy::Replay;
    std::uint64_t joined = 0;  // since when it receives; 0: not known
    bool active = true;        // not unsubscribed completely
    bool refused = false;      // by the gateway
    std::uint64_t asked = 0;   // where its replay begins; 0: none, or all
    // Where the first replay began, as long as none was completed since.
    std::optional<std::uint64_t> owed = std::nullopt;
    std::uint32_t session_id = 0;  // its id in the present session
  };
  struct PendingGap {
    std::uint64_t from = 0;
    ContinuityEvent::GapReason reason = ContinuityEvent::GapReason::None;
    Error why = {};
  };
  struct Range {
    HistoricalRequest request;
    std::uint64_t start = 0;  // by the replay's clock
  };

  // ---- What the delivery asks and tells
  [[nodiscard]] bool Screens() const noexcept override { return screens_; }
  [[nodiscard]] Verdict Screen(const RecordRun& run, std::byte* source,
                               std::size_t source_size) override;
  [[nodiscard]] bool AllNew(const RecordRun& run, const std::byte* source) override;
  void CountHandedOut(RType rtype, std::size_t count) noexcept override;
  void ObserveMappings(const RecordRun& run, const std::byte* records,
                       std::size_t count) override;
  [[nodiscard]] bool Admits(const Metadata& metadata) override;
  void OnRelease() override;
  void OnSessionEnd(const Error& error) override;
  // Between sessions there is nothing to deliver.
  void ContinueDelivery() override {}

  // ---- What comes next
  /// Takes a step. Without memory for it nothing would come next: the stream ends.
  template <typename F>
  void Guarded(F step);
  void ProceedLater();
  void Proceed();
  void Connect(const client::KnownStream& known);
  void SubscribeAgain(Wanted& wanted, const client::KnownStream& known);
  void UnsubscribeNow(const Unsubscription& unsubscription);
  std::vector<EffectiveRequest> Refresh();
  [[nodiscard]] std::optional<std::uint64_t> StartOf(
      const Wanted& wanted, const client::KnownStream& known) const;
  [[nodiscard]] static std::uint64_t LatestOf(Schema schema,
                                              const client::KnownStream& known);
  void ContinueAfter(const Error& error);
  void Retry(const Error& error);
  [[nodiscard]] bool IsFinal(const Error& error) const;
  [[nodiscard]] static Error Stopped();
  void Finish(const Error& error);
  void FinishLater(Error error);

  // ---- Live
  void OnLiveState(LiveClient::State state);
  void OnLiveEvent(const SessionEvent& event);
  void OnReplayCompleted(const SessionEvent& event);
  void OnAgedOut(const SessionEvent& event);
  void OnRefused(const SessionEvent& event);
  void OnSkipped(const SessionEvent& event);
  [[nodiscard]] Wanted* WantedOf(const SessionEvent& event);
  [[nodiscard]] Wanted* AgedOutOf(const SessionEvent& event);
  void UpdateScreens() noexcept;
  void CatchUp();

  // ---- History
  [[nodiscard]] bool NeedsHistory(const Wanted& wanted) const;
  [[nodiscard]] bool IsTooOld(std::uint64_t start) const;
  [[nodiscard]] bool TurnsToHistory();
  void BeginHistory(const client::KnownStream& known);
  /// Whether one request for each kind of record suffices.
  [[nodiscard]] std::optional<Error> JoinSymbols();
  void OnDatasetRange(const DatasetRange& available);
  void AskPrice();
  void OnPrice();
  void RequestRange();
  void OnRangeComplete();
  void GiveUpHistory(ContinuityEvent::GapReason reason, const Error& why);
  void CancelCalls();
  HistoricalClient& History();

  // ---- Reports; false: the client was destroyed
  [[nodiscard]] bool SetState(State next);
  [[nodiscard]] bool Report(const ContinuityEvent& event);
  [[nodiscard]] bool ReportGap(Schema schema, std::uint64_t from, std::uint64_t to,
                               ContinuityEvent::GapReason reason, Error why = {});

  Reactor* reactor_;
  ContinuousOptions options_;
  client::Trail trail_;
  std::shared_ptr<Delivery> delivery_;
  client::Screen screen_;
  client::KnownMappings mappings_;
  client::Backoff backoff_;
  base::SecretString api_key_;
  std::string dataset_;
  std::vector<Wanted> wanted_;  // by number
  proto::SubscriptionSet set_;

  std::atomic<State> state_{State::Stopped};
  bool screens_ = false;             // records must be judged
  bool handed_out_ = false;          // market data, in the present session
  bool began_ = false;               // market data was handed out
  bool broke_ = false;               // a session, so that there is something to recover
  bool resumed_ = false;             // from a position, or after Stop
  bool authenticated_once_ = false;  // since Start
  bool stopping_ = false;
  bool held_up_ = false;        // what comes next waits for OnRelease
  std::size_t unanswered_ = 0;  // unsubscriptions of the present session
  std::uint64_t sessions_ = 0;
  Reactor::Clock::time_point progress_;  // when a session with data broke last
  GatewayErrorCode last_gateway_code_ = GatewayErrorCode::Unset;
  std::optional<Metadata> metadata_;   // that the user heard of last
  std::uint64_t session_began_ = 0;    // metadata.start of the present session
  std::map<Schema, PendingGap> gaps_;  // reported when a session begins

  std::map<Schema, std::uint64_t> reached_;  // by history: where it ends
  std::set<Schema> from_history_;            // what no replay can give any more
  std::set<Schema> history_done_;            // asked since the stream was live last
  std::vector<Range> ranges_;
  std::size_t range_ = 0;  // of ranges_: priced, then delivered
  double price_ = 0;
  double spent_ = 0;

  LiveSession live_;
  std::unique_ptr<HistoricalClient> history_;
  HistoricalSession* history_session_ = nullptr;
  HistoricalClient::CallId call_ = 0;
  net::Timer next_;
};

template <typename F>
void ContinuousClient::Engine::Guarded(F step) {
  const auto stream = delivery_->WatchStream();
  try {
    step();
  } catch (const std::bad_alloc&) {
    if (stream.destroyed() || state() == State::Stopped) throw;
    live_.Close();
    if (history_session_ != nullptr) history_session_->Close();
    Finish({ErrorCode::OutOfMemory, "out of memory"});
  }
}

}  // namespace dbnloop
