#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dbnloop/error.hpp"
#include "dbnloop/live_client.hpp"

namespace dbnloop::proto {

/// The text phase of a live session, sans-I/O: bytes in → state changes and bytes out.
/// Greeting, challenge, authentication, subscriptions, start. Ends where DBN begins;
/// bytes behind the last text line belong to the parser and are left to the caller.
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

  GatewaySession(std::string api_key, const LiveOptions& options);
  ~GatewaySession();  // wipes the key

  /// Reads text lines; returns how many bytes were taken. Once Phase is Ready or
  /// Streaming nothing is taken: the bytes are DBN. Line length is bounded (64 KiB).
  std::size_t Receive(std::span<const std::byte> bytes);

  /// Fixes the dataset (authentication waits for it).
  void SetDataset(std::string dataset);
  /// Queues subscription lines (chunks of 500); sent once authenticated.
  std::uint32_t Subscribe(const Subscription& subscription);
  /// Queues start_session; sent once authenticated.
  void Start();

  /// Bytes to send now; after sending n of them call Sent(n).
  [[nodiscard]] std::string_view Output() const noexcept;
  void Sent(std::size_t n);

  [[nodiscard]] Phase phase() const noexcept;
  [[nodiscard]] const Error& error() const noexcept;
  [[nodiscard]] std::uint64_t session_id() const noexcept;
  [[nodiscard]] bool started() const noexcept;
  /// What an end of input in this phase means.
  [[nodiscard]] Error Finish() const;
};

/// Throws Exception: InvalidDataset / InvalidSymbol / InvalidArgument. Nothing that
/// would break the line protocol passes ('|', '\n', ',' inside a symbol, control
/// characters).
void ValidateApiKey(std::string_view key);
void ValidateDataset(std::string_view dataset);
void ValidateSubscription(const Subscription& subscription);
/// GLBX.MDP3 → glbx-mdp3.lsg.databento.com
std::string GatewayHost(std::string_view dataset);

}  // namespace dbnloop::proto
