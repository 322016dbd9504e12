#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/secret.hpp"
#include "dbnloop/error.hpp"
#include "dbnloop/live_client.hpp"
#include "proto/lines.hpp"
#include "proto/subscription_set.hpp"

namespace dbnloop::proto {

/// The text phase of a live session, sans-I/O: bytes in → state changes and bytes out.
/// Greeting, challenge, authentication, subscriptions, start. Ends where DBN begins;
/// bytes after the last text line belong to the parser and are left to the caller.
class GatewaySession {
 public:
  enum class Phase {
    Greeting,
    Challenge,
    AwaitDataset,
    AuthResponse,
    Ready,
    Streaming,
    Failed
  };

  GatewaySession(base::SecretString api_key, const LiveOptions& options);
  ~GatewaySession();  // wipes the key
  GatewaySession(const GatewaySession&) = delete;
  GatewaySession& operator=(const GatewaySession&) = delete;

  /// Reads text lines; returns how many bytes were taken. Once Phase is Ready or
  /// Streaming nothing is taken: the bytes are DBN. Line length is bounded (64 KiB).
  std::size_t Receive(std::span<const std::byte> bytes);

  /// Sets the dataset, for which authentication waits. Throws Exception(InvalidDataset)
  /// when it is not a dataset code, or the session has another one already.
  void SetDataset(std::string dataset);
  /// Queues subscription lines (chunks of 500 symbols), which are sent once
  /// authenticated. The first subscription may set the dataset. Returns the id, from 1.
  /// Throws what ValidateSubscription and SetDataset throw, InvalidDataset when no
  /// dataset is known, and InvalidState for a replay (`start`) after Start.
  std::uint32_t Subscribe(const Subscription& subscription);
  /// Queues unsubscribe lines (chunks of 500 symbols), which are sent once
  /// authenticated. Throws what ValidateUnsubscription and SubscriptionSet::Remove
  /// throw, and InvalidDataset when the dataset is not the session's.
  void Unsubscribe(const Unsubscription& unsubscription);
  /// Queues start_session; sent once authenticated. Throws InvalidState the second
  /// time.
  void Start();

  /// Bytes to send now; after sending n of them call Sent(n).
  [[nodiscard]] std::string_view Output() const noexcept {
    return std::string_view{output_}.substr(sent_);
  }
  void Sent(std::size_t n);

  [[nodiscard]] Phase phase() const noexcept { return phase_; }
  /// Why Phase is Failed: InvalidGreeting, InvalidChallenge, AuthFailed, LimitExceeded.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  /// 0 when the gateway's is not a number; see session_id_text.
  [[nodiscard]] std::uint64_t session_id() const noexcept { return session_id_; }
  /// As the gateway wrote it, without control characters; empty when it gave none.
  [[nodiscard]] const std::string& session_id_text() const noexcept {
    return session_id_text_;
  }
  /// Empty until SetDataset.
  [[nodiscard]] const std::string& dataset() const noexcept { return dataset_; }
  [[nodiscard]] bool started() const noexcept { return started_; }
  /// What was asked for.
  [[nodiscard]] const SubscriptionSet& subscriptions() const noexcept {
    return subscriptions_;
  }
  /// Leaves none.
  [[nodiscard]] SubscriptionSet TakeSubscriptions() noexcept {
    return std::exchange(subscriptions_, {});
  }
  /// What an end of input in this phase means.
  [[nodiscard]] Error Finish() const;

 private:
  void OnLine(std::string_view line);
  void OnGreeting(std::string_view line);
  void OnChallenge(std::string_view line);
  void OnAuthResponse(std::string_view line);
  void CheckDataset(std::string_view dataset) const;
  void ReserveFor(std::size_t more);
  void Authenticate();
  void Flush();
  void Fail(ErrorCode code, std::string message);

  base::SecretString api_key_;
  LiveOptions options_;
  Phase phase_ = Phase::Greeting;
  LineReader lines_;
  std::string challenge_;
  std::string dataset_;
  SubscriptionSet subscriptions_;
  std::string pending_;  // subscriptions and start, until authentication
  std::string output_;
  std::size_t sent_ = 0;
  std::uint32_t last_id_ = 0;
  std::uint64_t session_id_ = 0;
  std::string session_id_text_;
  bool started_ = false;
  Error error_;
};

}  // namespace dbnloop::proto
