#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/continuity_event.hpp"
#include "dbnloop/data_source.hpp"
#include "dbnloop/historical_client.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/session_event.hpp"

namespace dbnloop {

/// What is done about the records that were missed while a session was broken.
enum class RecoveryPolicy : std::uint8_t {
  Replay = 0,    ///< all are recovered
  Natural = 1,   ///< none: the stream continues with the present. Each break is a Gap.
  Snapshot = 2,  ///< mbo only: a snapshot of the book instead. Each break is a Gap.
};

struct ContinuousOptions {
  /// Of every session. slow_reader_behavior is Warn unless it is set.
  LiveOptions live;
  /// Of the historical API, for what the gateway no longer retains. The server, the
  /// proxy and the certificates that they name are needed only when history is: if they
  /// cannot be used, the stream ends then.
  HistoricalOptions history;
  /// Empty: derived from the dataset.
  std::string gateway;
  int port = kLivePort;
  /// The delay before attempt n is chosen at random from min_delay to
  /// min_delay * (1 + 2^n), and at most max_delay. Records that come begin the count
  /// again. The service allows 5 connections a second.
  std::chrono::milliseconds min_delay{200};
  std::chrono::milliseconds max_delay{30'000};
  /// How long attempts may remain without success before the stream ends with the last
  /// one's error. 0: without limit.
  std::chrono::milliseconds give_up_after{0};
  /// At least this many bytes of records are kept, to recognise what a replay brings
  /// again. A record that arrives later than half of them, compared with one that is
  /// not older, may be taken for one that was handed out. One without a time is
  /// recognised as long as it is kept. 64 KiB to 1 GiB.
  std::size_t memory = 256 * 1024;
  /// How far back the gateway's replays are trusted, from the present that a session's
  /// metadata names. What is older comes from history, unless the start is 0, which
  /// asks for everything that the gateway retains.
  std::chrono::seconds replay_limit{std::chrono::hours{24} - std::chrono::minutes{15}};
  /// How many US dollars the client may spend on history in its life. nullopt and 0:
  /// none, so that whatever has a price is refused. Infinity: any price.
  std::optional<double> max_cost;
};

/// One stream without a gap: every record from a given time on, once and in order,
/// across broken sessions, from history through intraday replay into live.
///
/// After Start the client connects, subscribes, and recovers by itself whatever a
/// broken session made it miss. OnError is called once, as the last handler: after
/// Stop, for an error that no retry can repair (the key is refused, the dataset is
/// unknown, every subscription is refused), or when a limit of the options is reached.
/// What could not be recovered is reported as a Gap, never hidden.
///
/// Order holds per schema and instrument. A replay precedes the live records of its
/// schema. System and error records of every session are delivered. Symbol mappings
/// that a new session repeats are not, and neither is its metadata unless it differs.
class ContinuousClient : public DataSource {
 public:
  enum class State {
    Stopped,
    Waiting,     ///< for the next attempt
    Connecting,  ///< to the gateway
    History,     ///< delivers a historical range
    Replaying,   ///< delivers what the gateway replays
    Live
  };

  /// `reactor` must outlive the client. Throws what LiveClient throws,
  /// and InvalidArgument when another option is out of range.
  ContinuousClient(Reactor* reactor, std::string api_key,
                   ContinuousOptions options = {});
  /// Ends everything without OnError. Allowed inside the client's own handlers.
  ~ContinuousClient() override;

  /// Subscribes, before or after Start. With `start` the stream begins at that time,
  /// which may lie years back, and must not lie in the future. After Start a
  /// subscription cannot have a start. All subscriptions of a schema need the same
  /// policy. What must come from history needs one start and one stype_in for all
  /// subscriptions of a schema, and at most 2000 symbols; tbbo and mbp-1, whose records
  /// are alike, need separate clients there. Otherwise the stream ends with
  /// InvalidArgument, or after a break with a Gap, before anything is bought.
  /// Returns the subscription's number, from 1. Throws Exception:
  /// InvalidDataset, InvalidSymbol, InvalidArgument, InvalidState.
  std::uint32_t Subscribe(const Subscription& subscription,
                          RecoveryPolicy policy = RecoveryPolicy::Replay);
  /// The same for raw symbols, separated by commas.
  std::uint32_t Subscribe(std::string_view dataset, std::string_view symbols,
                          Schema schema);

  /// Takes symbols away, as LiveClient::Unsubscribe does, with the same exceptions;
  /// what is left is what a reconnect restores.
  void Unsubscribe(const Unsubscription& unsubscription);
  /// The effective set, as LiveClient::Subscriptions gives it.
  [[nodiscard]] std::vector<EffectiveRequest> Subscriptions() const;

  /// Connects. OnState is called with Connecting inside this call. Throws InvalidState
  /// without a subscription, and while started.
  void Start() override;
  /// Ends the stream as LiveClient::Stop does: OnError is called with Cancelled. Does
  /// nothing when Stopped.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  /// Where the stream is: what was handed out so far, to begin there again, in another
  /// process too (ResumeFrom). At most some 100 KiB; its form may change with the
  /// library's version. Inside a record handler it throws InvalidState: pause there,
  /// and ask when Poll has returned, which gives the position after that very record.
  /// Of a batch that a sink holds (OnBatch) the first `consumed` bytes count as handed
  /// out; they must end at a record boundary.
  [[nodiscard]] std::vector<std::byte> Position(std::size_t consumed = 0) const;
  /// Begins at a position instead of the `start` of the subscriptions. Only before
  /// Start. Throws InvalidArgument when it is damaged, of another version or of another
  /// dataset.
  void ResumeFrom(std::span<const std::byte> position);

  /// Any thread may call it.
  [[nodiscard]] State GetState() const noexcept;
  /// US dollars that history has cost so far.
  [[nodiscard]] double Spent() const noexcept;

  using ContinuityHandler = std::move_only_function<void(const ContinuityEvent&)>;
  using StateHandler = std::move_only_function<void(State)>;
  /// Sets the handler of what happens to the stream's continuity. It may do whatever a
  /// record handler may do. nullptr removes it.
  void OnContinuity(ContinuityHandler h);
  /// As LiveClient::OnSessionEvent, for every session.
  void OnSessionEvent(LiveClient::SessionEventHandler h);
  /// Sets the handler that is called at every change of state. nullptr removes it.
  void OnState(StateHandler h);

 private:
  class Engine;
  using LiveSession = LiveClient::Session;
  using HistoricalSession = HistoricalClient::Impl;

  static std::unique_ptr<Engine> MakeEngine(Reactor* reactor, std::string api_key,
                                            ContinuousOptions options);
  explicit ContinuousClient(std::unique_ptr<Engine> engine);

  std::unique_ptr<Engine> engine_;
};

[[nodiscard]] std::string_view ToString(ContinuousClient::State state) noexcept;
[[nodiscard]] std::string_view ToString(RecoveryPolicy policy) noexcept;

}  // namespace dbnloop
