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
#include "dbnloop/subscription.hpp"

namespace dbnloop {

/// Port of the live gateway's plain TCP protocol.
inline constexpr int kLivePort = 13000;

struct LiveOptions {
  /// Dataset of the session, e.g. "GLBX.MDP3"; empty: the first Subscribe sets it.
  std::string dataset = {};
  /// Asks the gateway to append its send time to every record.
  bool ts_out = false;
  /// The requested heartbeat interval, 5 s to 1800 s; nullopt: the gateway's own (30
  /// s). A session that receives no byte for interval + heartbeat_grace is ended.
  std::optional<std::chrono::seconds> heartbeat_interval = std::nullopt;
  std::chrono::milliseconds heartbeat_grace{5000};
  /// What the gateway does when this client reads too slowly. nullopt: the gateway's
  /// default, which is to skip records of mbp-1, mbp-10, cmbp-1, bbo-1s, bbo-1m,
  /// cbbo-1s and cbbo-1m, and to warn for all other schemas. A program that stores data
  /// must ask for Warn; otherwise its data may have gaps.
  std::optional<SlowReaderBehavior> slow_reader_behavior = std::nullopt;
  Compression compression = Compression::None;
  VersionUpgradePolicy upgrade_policy = VersionUpgradePolicy::UpgradeToV3;
  std::size_t buffer_size = 256 * 1024;          ///< bytes, see ParserOptions
  std::size_t max_metadata = 256 * 1024 * 1024;  ///< bytes, see ParserOptions
  std::chrono::milliseconds connect_timeout{
      10000};                                       ///< all addresses together; 0: none
  std::chrono::milliseconds resolve_timeout{5000};  ///< lookup alone; 0: none
  std::chrono::milliseconds auth_timeout{30000};    ///< greeting to response; 0: none
  /// How long a subscription may remain unanswered in a started session before
  /// SessionEvent::Kind::SubscriptionOverdue reports it, once; the session continues.
  /// Unsubscriptions likewise (UnsubscribeOverdue).
  /// Time while the client is paused does not count. 0: never.
  std::chrono::milliseconds ack_timeout{10000};
  /// Appended to the user agent that the gateway receives; no '|' and no '\n'.
  std::string user_agent_extension = {};
  /// DNS servers, "192.0.2.1:53,[2001:db8::1]:53"; empty: those of /etc/resolv.conf.
  std::string name_servers = {};
  /// Size of the socket's receive buffer (SO_RCVBUF) in bytes, 4 KiB to 1 GiB; 0: the
  /// system's, which grows as needed. The system doubles a given size, silently limits
  /// it to net.core.rmem_max, and then no longer adjusts it.
  std::size_t receive_buffer = 0;
  /// How long a read may poll the network device (SO_BUSY_POLL), up to 1 s; 0: the
  /// system's. The session ends with System when the system refuses it: more than
  /// net.core.busy_read needs CAP_NET_ADMIN. It has no effect on loopback.
  std::chrono::microseconds busy_poll{0};
  /// Acknowledges received segments at once (TCP_QUICKACK), at the cost of a system
  /// call for each read, instead of up to 40 ms later together with others.
  bool quick_ack = false;
};

/// A client of Databento's live gateway, over plain TCP with CRAM authentication.
///
/// Connect, Subscribe and Start may be called in any order; each takes effect as soon
/// as it can. A session ends once, with one OnError that gives the reason, and the
/// client does not reconnect by itself. After the end, Connect may be called again;
/// subscriptions must then be made again, and Subscriptions returns what they were.
class LiveClient : public DataSource {
 public:
  enum class State { Disconnected, Connecting, Authenticating, Ready, Streaming };

  /// `reactor` must outlive the client. Throws Exception: InvalidApiKey unless the key
  /// consists of 32 printable ASCII characters, InvalidArgument when an option is out
  /// of range.
  LiveClient(Reactor* reactor, std::string api_key);
  LiveClient(Reactor* reactor, std::string api_key, LiveOptions options);
  /// Closes without OnError. Allowed inside the client's own handlers.
  ~LiveClient() override;

  /// Begins to connect. An empty gateway is derived from the dataset (GLBX.MDP3 →
  /// glbx-mdp3.lsg.databento.com) as soon as that is known. Throws
  /// Exception(InvalidState) unless Disconnected; the session in progress is not
  /// touched.
  void Connect(std::string_view gateway = {}, int port = kLivePort);
  /// Ends the session at once, without OnError. Connect may be called again.
  void Close();

  /// Subscribes. `symbols` is comma-separated. Returns the subscription's id, from 1.
  /// Throws Exception: InvalidDataset, InvalidSymbol, InvalidArgument, InvalidState.
  std::uint32_t Subscribe(std::string_view dataset, std::string_view symbols,
                          Schema schema);
  std::uint32_t Subscribe(const Subscription& subscription);
  /// Takes symbols away from what this session has subscribed to; the session
  /// continues. `symbols` is comma-separated, and they are raw symbols. The gateway
  /// answers with SessionEvent::Kind::UnsubscribeAck; until then, records of these
  /// symbols may still arrive. It may be called whenever Subscribe may be. Throws
  /// Exception, and sends nothing: InvalidDataset when the dataset is not the
  /// session's; InvalidSymbol; InvalidArgument for a stype_in that cannot be used, or
  /// that the schema was not subscribed with; InvalidState when this session has never
  /// subscribed to the schema, and while it is being stopped.
  void Unsubscribe(std::string_view dataset, std::string_view symbols, Schema schema);
  void Unsubscribe(const Unsubscription& unsubscription);
  /// The effective set: the requests that, made in this order, subscribe a new session
  /// to what this one is subscribed to. Symbols that were unsubscribed are missing from
  /// the lists that contained them, and a subscription without symbols is missing.
  /// Where no list contained them (ALL_SYMBOLS, or a symbology such as Continuous) the
  /// unsubscription is part of the set, after the subscriptions that it concerns.
  ///
  /// It consists of what was asked for, whatever the gateway has answered. It is that
  /// of the present session, including what was asked for before Connect. After the end
  /// of a session, also inside OnError, it is that of the session that ended, until the
  /// next Connect or Subscribe.
  [[nodiscard]] std::vector<EffectiveRequest> Subscriptions() const;

  /// Asks the gateway to begin the stream, now or once the client is Ready. Throws
  /// InvalidState when called a second time in a session.
  void Start() override;
  /// Ends the session in order: closes the sending half, delivers what the gateway had
  /// sent before it noticed, for at most 5 s, and then calls OnError with Cancelled.
  /// Inside a record handler, or before the stream begins, the session ends at once: no
  /// further record is delivered, and OnError is called in the reactor's next turn,
  /// unless Connect is called before. Does nothing when Disconnected.
  void Stop() override;
  void Pause() override;
  void Resume() override;

  /// Any thread may call it.
  [[nodiscard]] State GetState() const noexcept;
  /// The gateway's id of this session, or of the one that ended last. It is kept until
  /// the next Connect, so it is known inside OnError. It is 0 before authentication,
  /// and when the gateway's id is not a number up to 2^64 - 1; see SessionIdText. Any
  /// thread may call it.
  [[nodiscard]] std::uint64_t SessionId() const noexcept;
  /// The session id as the gateway wrote it, without control characters; empty before
  /// authentication. Valid until the next Connect.
  [[nodiscard]] const std::string& SessionIdText() const noexcept;
  using StateHandler = std::move_only_function<void(State)>;
  using SessionEventHandler = std::move_only_function<void(const SessionEvent&)>;
  /// Sets the handler that is called at every change of state. nullptr removes it.
  void OnState(StateHandler h);
  /// Sets the handler that is called for what the gateway reports about the session,
  /// after the record that contains it and before the next one; not while paused. The
  /// handler may do whatever a record handler may do. nullptr removes it.
  void OnSessionEvent(SessionEventHandler h);
  /// The address of the gateway, "192.0.2.1:13000"; empty before it is connected.
  [[nodiscard]] const std::string& Peer() const noexcept;
  /// The session's socket, for options that LiveOptions does not have; -1 while the
  /// client is not connected. It belongs to the client, which closes it when the
  /// session ends: do not read, write or close it.
  [[nodiscard]] int Fd() const noexcept;

 private:
  class Session;
  friend class ContinuousClient;  // whose stream its sessions feed

  static std::unique_ptr<Session> MakeSession(Reactor* reactor, std::string api_key,
                                              LiveOptions options);
  explicit LiveClient(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

[[nodiscard]] std::string_view ToString(LiveClient::State state) noexcept;

}  // namespace dbnloop
