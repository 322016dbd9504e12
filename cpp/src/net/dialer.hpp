#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/reactor.hpp"
#include "net/resolver.hpp"
#include "net/scoped_fd.hpp"
#include "net/socket_options.hpp"
#include "net/timer.hpp"

namespace dbnloop::net {

/// Host name and port in, connected TCP socket out, without blocking: happy eyeballs as
/// RFC 8305 says. Every address is tried, the families in turn, IPv6 first; an attempt
/// has a head start on the next one, which begins at once when it fails; the first that
/// connects wins and the others are closed. One dial at a time.
class Dialer {
 public:
  /// How long an attempt has to itself before the next one begins (RFC 8305 section 5).
  static constexpr std::chrono::milliseconds kHeadStart{250};
  /// How long an attempt may take while there are others. The last one has all the time
  /// that the owner gives.
  static constexpr std::chrono::milliseconds kAttempt{5000};
  /// The most failures that a message names; it counts the others. An answer of DNS may
  /// hold thousands of addresses.
  static constexpr std::size_t kNamedFailures = 16;

  struct Result {
    ScopedFd socket;
    std::string peer;  ///< the address that answered, "127.0.0.1:13000"
    Error error;       ///< set when there is no socket
  };
  using Callback = std::move_only_function<void(Result)>;

  explicit Dialer(Reactor* reactor, ResolverOptions options = {},
                  SocketOptions socket_options = {});
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  /// Calls `done` once from a later turn. Errors: DnsResolutionFailed, ConnectionFailed
  /// (each address with its reason, time spent), System (an option of the socket was
  /// refused). `done` may destroy the dialer.
  void Dial(std::string host, int port, Callback done);
  /// Forgets the dial; `done` does not run.
  void Cancel() noexcept;
  /// For a timeout's message: what was tried so far.
  [[nodiscard]] std::string Progress() const;
  /// When a name server or an address answered last; when Dial was called before that.
  [[nodiscard]] Reactor::Clock::time_point LastAnswer() const noexcept {
    return last_answer_;
  }

 private:
  struct Attempt {
    Attempt(Reactor* reactor, const Address& to, ScopedFd fd)
        : address{to}, socket{std::move(fd)}, timer{reactor} {}
    Address address;
    ScopedFd socket;
    Timer timer;
  };
  using Attempts = std::list<Attempt>;

  void OnAddresses(Resolver::Answer answer);
  [[nodiscard]] std::optional<Address> NextAddress();
  void Begin();
  void OnWritable(Attempts::iterator attempt);
  void OnTimeout(Attempts::iterator attempt);
  void Fail(Attempts::iterator attempt, int error);
  void RecordFailure(const Address& address, int error);
  void Close(Attempts::iterator attempt) noexcept;
  [[nodiscard]] std::string Failures() const;
  void FinishFailed();
  void Finish(Result result);

  Reactor* reactor_;
  Resolver resolver_;
  SocketOptions socket_options_;
  std::string host_;
  int port_ = 0;
  Callback done_;
  Reactor::Clock::time_point began_;
  Reactor::Clock::time_point last_answer_;
  std::vector<Address> addresses_;  // not tried yet
  bool more_addresses_ = false;     // the other family has not answered yet
  int last_family_ = 0;             // of the attempt that began last
  Attempts attempts_;               // in progress
  Timer head_start_;
  std::string failures_;
  std::size_t failed_ = 0;
  int last_errno_ = 0;
};

}  // namespace dbnloop::net
