#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/delivery.hpp"
#include "client/flow.hpp"
#include "client/shared_handler.hpp"
#include "dbnloop/live_client.hpp"
#include "net/dialer.hpp"
#include "net/scoped_fd.hpp"
#include "net/timer.hpp"
#include "proto/gateway_session.hpp"

namespace dbnloop {
namespace client {

/// Options as a session takes them: no limit is longer than can be counted. Throws
/// Exception when one is out of range.
[[nodiscard]] LiveOptions Validated(LiveOptions options);

}  // namespace client

/// What a live client is made of: socket, text session, delivery, timers. Bytes flow
/// socket → (text lines | [compressed →] delivery) → handlers. Three places may hold
/// bytes that make no socket readable (compressed input, the decompressor, the parser):
/// Deliver empties all of them before the socket is read again.
class LiveClient::Session final : public client::DeliveryObserver {
 public:
  /// `delivery`: the one that it feeds; null: one of its own.
  Session(Reactor* reactor, base::SecretString api_key, LiveOptions options,
          std::shared_ptr<Delivery> delivery = nullptr);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Connect(std::string_view gateway, int port);
  std::uint32_t Subscribe(const Subscription& subscription);
  void Unsubscribe(const Unsubscription& unsubscription);
  [[nodiscard]] std::vector<EffectiveRequest> Subscriptions() const;
  void Start();
  void Stop();
  void Close();
  void Pause();
  void Resume();

  [[nodiscard]] const std::shared_ptr<Delivery>& delivery() const noexcept {
    return delivery_;
  }
  /// Any thread may read it.
  [[nodiscard]] State state() const noexcept {
    return state_.load(std::memory_order_relaxed);
  }
  /// Of the present session, or of the one that ended last. Any thread may read it.
  [[nodiscard]] std::uint64_t session_id() const noexcept {
    return session_id_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const std::string& session_id_text() const noexcept {
    return session_id_text_;
  }
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

  client::SharedHandler<State> on_state;
  client::SharedHandler<const SessionEvent&> on_session_event;

 private:
  using Flow = client::Flow;

  struct AwaitedAck {
    std::uint32_t id;  // 0: of an unsubscription
    Schema schema;
    Reactor::Clock::time_point since;
  };

  void ContinueDelivery() override;
  [[nodiscard]] bool HasMore() const override;
  void ObserveConsumed(const RecordRun& run, const std::byte* records,
                       std::size_t count, bool last) override;
  [[nodiscard]] bool HasObserved() const override { return !observed_.empty(); }
  void NotifyObserved() override;

  void Dial(std::string host);
  void OnDialed(net::Dialer::Result result);
  void OnSocket(std::uint32_t events);
  [[nodiscard]] Flow Read();
  [[nodiscard]] Flow ReadText();
  [[nodiscard]] Flow TakeText(std::span<const std::byte> bytes);
  [[nodiscard]] std::size_t ReadPlain();
  [[nodiscard]] std::size_t ReadCompressed();
  [[nodiscard]] Flow Deliver();
  [[nodiscard]] Flow OnEof();
  [[nodiscard]] Flow EndAtEof();
  [[nodiscard]] std::optional<std::size_t> Receive(std::span<std::byte> into);
  void AcknowledgeAtOnce() const noexcept;
  void BeginRecords(std::span<const std::byte> bytes);
  void Ingest(std::span<const std::byte> bytes);
  bool Send();
  void UpdateInterest();
  [[nodiscard]] bool WantsToRead() const;
  [[nodiscard]] bool InText() const;
  void RestartSilence() noexcept;
  [[nodiscard]] bool HoldsBytes() const;
  [[nodiscard]] bool SocketHasBytes() const;
  [[nodiscard]] bool IsBehind(std::optional<std::uint64_t>& mark) const;
  void RefuseChild(const char* what) const;
  void RefuseStopping(const char* what) const;
  void SendQueued();
  void StoreState(State next) noexcept {
    state_.store(next, std::memory_order_relaxed);
  }
  [[nodiscard]] Flow SetState(State next);
  [[nodiscard]] Flow FollowPhase();
  [[nodiscard]] Error Cancelled() const;
  Flow End(Error error, const std::string& where = {});
  void NotifyEndLater(Error error);
  void NotifyEnd(const Error& error);
  void Teardown() noexcept;
  [[nodiscard]] std::unique_ptr<proto::GatewaySession> NewText() const;
  void ArmConnectTimeout();
  void OnConnectTimeout();
  void ArmAuthTimeout();
  void OnAuthTimeout();
  void ArmStopLimit(Reactor::Clock::duration delay);
  void OnStopLimit();
  [[nodiscard]] bool ComesLate(Reactor::Clock::time_point last_sign);
  [[nodiscard]] Reactor::Clock::duration HeartbeatLimit() const;
  void ArmHeartbeat(Reactor::Clock::duration delay);
  void OnHeartbeatCheck();
  void ObserveLag(const RecordRun& run, const RecordHeader& record);
  void AwaitAck(std::uint32_t id, Schema schema);
  void AcceptAck(const SessionEvent& event);
  [[nodiscard]] SessionEvent OverdueEvent(const AwaitedAck& ack) const;
  void BeginAcks();
  void ArmAckTimer();
  void OnAckTimer();
  void OnTimeout(const char* what, std::chrono::milliseconds limit,
                 const std::string& detail);
  [[nodiscard]] std::string Where() const;

  Reactor* reactor_;
  base::SecretString api_key_;
  LiveOptions options_;
  std::shared_ptr<Delivery> delivery_;
  net::Dialer dialer_;
  std::unique_ptr<proto::GatewaySession> text_;
  proto::SubscriptionSet ended_subscriptions_;  // of the session that ended last
  net::ScopedFd socket_;
  std::uint32_t interest_ = 0;
  std::string gateway_;  // as given, or derived
  int port_ = kLivePort;
  bool awaiting_dataset_ = false;  // Connect waits for the dataset to derive the host

  std::atomic<State> state_{State::Disconnected};
  std::atomic<std::uint64_t> session_id_{0};
  std::string session_id_text_;
  std::string peer_;
  std::vector<SessionEvent> observed_;  // not reported yet

  std::vector<std::byte> held_text_;   // came while the dataset was awaited
  std::vector<std::byte> compressed_;  // received, [compressed_at_, compressed_end_)
  std::size_t compressed_at_ = 0;
  std::size_t compressed_end_ = 0;
  bool suspended_ = false;  // a batch is held: the socket left epoll
  bool stopping_ = false;   // half-closed by Stop, what is in flight still comes
  bool eof_ = false;
  int eof_errno_ = 0;
  std::vector<AwaitedAck> acks_;  // in the order in which they were asked for
  std::string gateway_error_;     // of the last record, if that was an error
  // How far the stream must be handed out before a deadline that passed is judged.
  std::optional<std::uint64_t> ack_mark_;
  std::optional<std::uint64_t> stop_mark_;

  net::Timer deadline_;  // connect, then authentication, then stop
  Reactor::Clock::time_point due_;
  bool extended_ = false;  // the deadline was put off
  net::Timer heartbeat_;
  net::Timer end_;  // reports it
  net::Timer ack_;
  Reactor::Clock::time_point silent_since_;  // the last byte, or when reading began
  std::uint64_t read_turn_ = 0;              // when it was read last
  std::uint64_t worked_turn_ = 0;  // when bytes of an earlier turn were worked off last
};

}  // namespace dbnloop
