#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dbnloop/error.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::net {

/// A socket address of either family.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
  /// "127.0.0.1:13000" or "[::1]:13000".
  [[nodiscard]] std::string ToString() const;

  /// Reads a numeric IPv4 or IPv6 address, brackets allowed; empty length when it is
  /// none.
  static Address FromNumeric(std::string_view host, int port);
};

struct ResolverOptions {
  /// From Resolve to an answer; 0: none.
  std::chrono::milliseconds timeout{5000};
  /// One try at one server; c-ares doubles it on each round.
  std::chrono::milliseconds attempt_timeout{1000};
  int tries = 3;
  /// "host:port,…" instead of resolv.conf's servers; for tests.
  std::string servers = {};
};

/// Looks a name up with c-ares on the reactor: no thread, nothing that blocks.
/// /etc/hosts first, then the servers of resolv.conf, A and AAAA side by side. Numeric
/// addresses are answered without a lookup. One lookup at a time.
class Resolver {
 public:
  /// How long IPv4 addresses wait for the IPv6 ones (RFC 8305 section 3).
  static constexpr std::chrono::milliseconds kResolutionDelay{50};

  struct Answer {
    std::vector<Address> addresses =
        {};            ///< that were not in an answer before, IPv6 first
    bool last = true;  ///< false: the other family may still come
    /// In the last answer, when there was no address in any.
    Error error = {};
  };
  using Callback = std::move_only_function<void(Answer)>;

  explicit Resolver(Reactor* reactor, ResolverOptions options = {});
  /// Cancels; the callback does not run.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Calls `answered` from later turns of the reactor, never from inside: once, or
  /// twice when one family takes longer than the other. An error is
  /// DnsResolutionFailed: the name, the reason and the time spent. `answered` may
  /// destroy the resolver, or cancel.
  void Resolve(std::string_view host, int port, Callback answered);
  /// Forgets the lookup; the callback does not run.
  void Cancel() noexcept;

 private:
  struct Lookup;
  Reactor* reactor_;
  ResolverOptions options_;
  std::unique_ptr<Lookup> lookup_;
};

}  // namespace dbnloop::net
