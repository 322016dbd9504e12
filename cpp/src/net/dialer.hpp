#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/reactor.hpp"
#include "net/resolver.hpp"
#include "net/scoped_fd.hpp"

namespace dbnloop::net {

/// Host name and port in, connected TCP socket out: looks the name up, then tries every
/// address in turn, without blocking. One dial at a time.
class Dialer {
 public:
  struct Result {
    ScopedFd socket;
    std::string peer;  ///< the address that answered, "127.0.0.1:13000"
    Error error;       ///< set when there is no socket
  };
  using Callback = std::move_only_function<void(Result)>;

  explicit Dialer(Reactor* reactor, ResolverOptions options = {});
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  /// Calls `done` once from a later turn. Errors: DnsResolutionFailed, ConnectionFailed
  /// (each address with its reason, time spent). `done` may destroy the dialer.
  void Dial(std::string host, int port, Callback done);
  /// Forgets the dial; `done` does not run.
  void Cancel() noexcept;
  /// For a timeout's message: what was tried so far.
  [[nodiscard]] std::string Progress() const;

 private:
  void TryNext();
  void OnWritable();
  void ArmAttemptTimer();
  void NoteFailure(int error);
  void Finish(Result result);

  Reactor* reactor_;
  Resolver resolver_;
  std::string host_;
  int port_ = 0;
  Callback done_;
  Reactor::Clock::time_point began_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  ScopedFd socket_;
  Reactor::TimerId attempt_ = 0;
  std::string failures_;
  int last_errno_ = 0;
};

}  // namespace dbnloop::net
