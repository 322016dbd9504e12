#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/flow.hpp"
#include "dbnloop/reactor.hpp"
#include "net/dialer.hpp"
#include "net/scoped_fd.hpp"
#include "net/timer.hpp"
#include "net/tls_stream.hpp"
#include "proto/http_response.hpp"
#include "proto/redactor.hpp"
#include "proto/url.hpp"

namespace dbnloop::client {

/// Receives what one exchange brings. Each method may destroy the connection, cancel it
/// or pause it.
class HttpListener {
 public:
  virtual ~HttpListener() = default;
  virtual void OnHead(const proto::HttpHead& head) = 0;
  /// A piece of the body, valid during the call. `consumed` is set to the number of
  /// bytes that were consumed, also when this throws; the connection holds the rest
  /// until Resume.
  virtual void OnBody(std::span<const std::byte> piece, std::size_t& consumed) = 0;
  /// The response is complete; the connection is free for another request when
  /// Reusable.
  virtual void OnDone() = 0;
  /// The exchange ended without a complete response.
  virtual void OnFailure(Error error) = 0;
};

struct HttpConnectionOptions {
  proto::Url url;                   ///< of the server; the path is not used
  std::optional<proto::Url> proxy;  ///< plain HTTP proxy
  net::ResolverOptions resolver;
  std::chrono::milliseconds connect_timeout{};  ///< lookup and TCP; 0: none
  std::chrono::milliseconds tls_timeout{};  ///< handshake, CONNECT before it; 0: none
  std::chrono::milliseconds response_timeout{};  ///< request sent to head; 0: none
  std::chrono::milliseconds idle_timeout{};  ///< between two bytes of the body; 0: none
};

/// One HTTP/1.1 connection on the reactor, plain or TLS, perhaps through a proxy: one
/// request at a time, reused while the server allows it.
///
/// Three places may hold bytes that make no socket readable: TLS, the received bytes
/// after a piece, and a piece that the listener did not consume. Advance empties all of
/// them before it waits.
class HttpConnection {
 public:
  /// `tls`, and `redact` for the text of a proxy, must outlive this.
  HttpConnection(Reactor* reactor, const net::TlsContext* tls,
                 const proto::Redactor* redact, HttpConnectionOptions options);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  /// Sends a request, and connects first if it has to. Send itself never calls the
  /// listener, which must live until the end of the exchange.
  void Send(const proto::HttpRequest& request, HttpListener* listener);
  /// Ends the exchange and the connection silently.
  void Cancel() noexcept;
  /// Reads nothing more; what was received is held.
  void Pause() noexcept;
  /// Continues at once, with what is held, then with the socket. Only from a turn of
  /// the reactor, not from inside a listener.
  void Resume();

  /// The value of a Proxy-Authorization header, from the proxy's userinfo.
  [[nodiscard]] static base::SecretString ProxyAuthorization(const proto::Url& proxy);

  /// Whether another request may be sent on this connection, as far as can be seen.
  [[nodiscard]] bool Reusable() const;
  /// After a failure: whether no byte arrived on a connection that had been used
  /// before. The server may have closed the idle connection at that very moment.
  [[nodiscard]] bool MayBeStale() const noexcept { return reused_ && received_ == 0; }
  /// Bytes of TCP payload or TLS plaintext received in this exchange.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }

 private:
  enum class Phase { Closed, Dialing, Tunnel, Handshake, Exchange, Idle };

  void OnDialed(net::Dialer::Result result);
  void OnSocket();
  void Advance();
  [[nodiscard]] Flow Step();
  [[nodiscard]] Flow StepTunnel();
  [[nodiscard]] Flow StepHandshake();
  [[nodiscard]] Flow StepExchange();
  [[nodiscard]] Flow Deliver();
  [[nodiscard]] Flow Notify(proto::HttpResponse::Event event);
  template <typename IsGone>
  void NotifyBody(const IsGone& is_gone);
  [[nodiscard]] Flow SendOut();
  [[nodiscard]] Flow Receive();
  [[nodiscard]] Flow Ended();
  [[nodiscard]] Flow Finish();
  [[nodiscard]] Flow Fail(Error error);
  void BeginPhase(Phase phase, const char* what, std::chrono::milliseconds limit);
  void BeginExchange();
  void UpdateInterest();
  void AdvanceSoon();
  void ArmTimer(std::chrono::milliseconds delay);
  void OnTimer();
  [[nodiscard]] Reactor::Clock::time_point LastSign() const noexcept;
  void CloseSocket() noexcept;
  [[nodiscard]] std::string Where() const;
  [[nodiscard]] base::SecretString TunnelRequest() const;

  Reactor* reactor_;
  const net::TlsContext* tls_context_;
  const proto::Redactor* redact_;
  HttpConnectionOptions options_;
  net::Dialer dialer_;
  net::ScopedFd socket_;
  std::optional<net::TlsStream> tls_;
  std::optional<proto::HttpResponse> response_;
  HttpListener* listener_ = nullptr;
  Phase phase_ = Phase::Closed;
  std::string peer_;
  base::SecretString request_;  // complete, until its sending begins
  base::SecretString out_;      // being sent
  std::size_t sent_ = 0;
  std::vector<std::byte> in_;  // received, [in_at_, in_end_)
  std::size_t in_at_ = 0;
  std::size_t in_end_ = 0;
  std::span<const std::byte> piece_;  // of the body, not consumed by the listener
  std::uint64_t received_ = 0;
  std::uint32_t interest_ = 0;
  bool reused_ = false;      // an exchange preceded this one
  bool want_write_ = false;  // TLS asked for it
  bool eof_ = false;
  bool paused_ = false;
  bool advancing_ = false;
  net::Timer soon_;  // continues in the next turn

  net::Timer limit_timer_;
  const char* waiting_for_ = "";
  std::chrono::milliseconds limit_{};
  bool in_body_ = false;   // the limit is one on silence: each byte restarts it
  bool extended_ = false;  // the phase got its limit a second time
  Reactor::Clock::time_point last_progress_;
  std::uint64_t resumed_turn_ = 0;
  Reactor::Clock::time_point last_event_;  // of the socket

  // Outlives the connection: it shows whatever is on the stack when a listener ends the
  // exchange or destroys the connection that it must return.
  struct Life {
    std::uint64_t exchange = 0;  // changes when an exchange ends
    bool destroyed = false;
  };
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
};

}  // namespace dbnloop::client
