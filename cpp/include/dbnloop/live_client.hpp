#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/data_source.hpp"
#include "dbnloop/reactor.hpp"
#include "dbnloop/session_event.hpp"

namespace dbnloop {

/// Port of the live gateway's plain TCP protocol.
inline constexpr int kLivePort = 13000;
/// `symbols` that selects every instrument of a dataset; may not be mixed with others.
inline constexpr std::string_view kAllSymbols = "ALL_SYMBOLS";

struct LiveOptions {
  /// Dataset of the session, e.g. "GLBX.MDP3"; empty: the first Subscribe fixes it.
  std::string dataset = {};
  /// Ask the gateway to append its send time to every record.
  bool ts_out = false;
  /// Heartbeat interval asked for: 5 s to 1800 s, whole seconds; none: the gateway's
  /// own (30 s). A session without a byte for interval + heartbeat_grace is ended.
  std::optional<std::chrono::seconds> heartbeat_interval = std::nullopt;
  std::chrono::milliseconds heartbeat_grace{5000};
  /// What the gateway does when this reader is too slow. None: the gateway's default,
  /// which is to skip records of mbp-1, mbp-10, cmbp-1, bbo-1s, bbo-1m, cbbo-1s and
  /// cbbo-1m, and to warn for all other schemas. A program that records must ask for
  /// Warn, or its data may have holes.
  std::optional<SlowReaderBehavior> slow_reader_behavior = std::nullopt;
  Compression compression = Compression::None;
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  std::size_t buffer_size = 256 * 1024;          ///< bytes, see ParserOptions
  std::size_t max_metadata = 256 * 1024 * 1024;  ///< bytes, see ParserOptions
  std::chrono::milliseconds connect_timeout{
      10000};                                       ///< all addresses together; 0: none
  std::chrono::milliseconds resolve_timeout{5000};  ///< of that, the name; 0: none
  std::chrono::milliseconds auth_timeout{30000};    ///< greeting to response; 0: none
  /// How long a subscription may go unanswered in a started session before
  /// SessionEvent::Kind::SubscriptionOverdue tells so (once; the session goes on); time
  /// during which the client is paused does not count. 0: never.
  std::chrono::milliseconds ack_timeout{10000};
  /// Appended to the user agent sent to the gateway; no '|', '\n'.
  std::string user_agent_extension = {};
  /// DNS servers, "192.0.2.1:53,[2001:db8::1]:53"; empty: those of /etc/resolv.conf.
  std::string name_servers = {};
};

struct Subscription {
  std::string dataset;  ///< empty: the session's
  Schema schema = Schema::Trades;
  SType stype_in = SType::RawSymbol;
  /// Sent in chunks of 500. With stype_in InstrumentId they are numbers.
  std::vector<std::string> symbols;
  /// Intraday replay from this time, inclusive; only before Start. 0: all retained.
  std::optional<UnixNanos> start;
  /// Ask for a snapshot first (mbo only; conflicts with start).
  bool snapshot = false;
};

/// Databento's live gateway over plain TCP with CRAM authentication.
///
/// Order of calls is free: Connect, Subscribe and Start each take effect when they can.
/// A session ends once, with one OnError that says why; the client does not reconnect
/// by itself. After the end, Connect may be called again: subscriptions must then be
/// made again.
class LiveClient : public DataSource {
 public:
  enum class State { Disconnected, Connecting, Authenticating, Ready, Streaming };

  /// `reactor` must outlive the client. Throws Exception(InvalidApiKey) when the key
  /// has not 32 printable ASCII characters, InvalidArgument when an option is out of
  /// range.
  LiveClient(Reactor* reactor, std::string api_key);
  LiveClient(Reactor* reactor, std::string api_key, LiveOptions options);
  /// Closes without OnError. Allowed inside the client's own handlers.
  ~LiveClient() override;

  /// Begins to connect. An empty gateway is derived from the dataset (GLBX.MDP3 →
  /// glbx-mdp3.lsg.databento.com) as soon as that is known; a given one is used as is.
  /// Throws Exception(InvalidState) unless Disconnected; the session that goes on is
  /// not touched.
  void Connect(std::string_view gateway = {}, int port = kLivePort);
  /// Ends the session at once, without OnError. Connecting again is allowed.
  void Close();

  /// `symbols` is a comma-separated list. Returns the subscription's id, from 1.
  /// Throws Exception: InvalidDataset, InvalidSymbol, InvalidArgument, InvalidState.
  std::uint32_t Subscribe(std::string_view dataset, std::string_view symbols,
                          Schema schema);
  std::uint32_t Subscribe(const Subscription& subscription);

  /// Asks for the stream to begin, now or when Ready. Throws InvalidState when it was
  /// asked for already in this session.
  void Start() override;
  /// Ends the session politely: the sending half is closed, what the gateway had sent
  /// before it noticed is still delivered (for 5 s at most), then OnError comes with
  /// Cancelled. Inside a record handler, or before the stream, the session ends at
  /// once: no record after this, and OnError comes in the reactor's next turn (unless
  /// Connect is called before). Does nothing when Disconnected.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  [[nodiscard]] State GetState() const noexcept;
  /// The gateway's id of this session, or of the one that ended last: it is kept, also
  /// inside OnError, until the next Connect. 0 before authentication, and when the
  /// gateway's id is not a number up to 2^64 - 1; then SessionIdText has it.
  [[nodiscard]] std::uint64_t SessionId() const noexcept;
  /// The same as the gateway wrote it, without control characters; empty before
  /// authentication. Valid until the next Connect.
  [[nodiscard]] const std::string& SessionIdText() const noexcept;
  /// Called at every change of state.
  void OnState(std::function<void(State)> h);
  /// Called for what the gateway tells about the session, behind the record that says
  /// it and before the next one; not while paused. May do what a record's handler may.
  void OnSessionEvent(std::function<void(const SessionEvent&)> h);
  /// The address of the gateway, "192.0.2.1:13000"; empty before it is connected.
  [[nodiscard]] const std::string& Peer() const noexcept;

 private:
  class Session;

  void ScheduleDelivery() override;
  void ObserveTaken(const RecordRun& run, const std::byte* records, std::size_t count,
                    bool last) override;
  void TellObserved() override;
  [[nodiscard]] bool HasObserved() const override;
  [[nodiscard]] bool HasMore() const override;

  std::unique_ptr<Session> session_;
};

[[nodiscard]] std::string_view ToString(LiveClient::State state) noexcept;

}  // namespace dbnloop
