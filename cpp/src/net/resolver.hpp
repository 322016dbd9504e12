#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <expected>
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
  std::string servers;
};

/// Looks a name up with c-ares on the reactor: no thread, nothing that blocks.
/// /etc/hosts first, then the servers of resolv.conf, A and AAAA; the families are
/// interleaved, IPv6 first when both exist (RFC 8305 section 4). Numeric addresses are
/// answered without a lookup. One lookup at a time.
class Resolver {
 public:
  using Result = std::expected<std::vector<Address>, Error>;
  using Callback = std::move_only_function<void(Result)>;

  explicit Resolver(Reactor* reactor, ResolverOptions options = {});
  /// Cancels; the callback does not run.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Calls `done` once from a later turn of the reactor, never from inside. An error is
  /// DnsResolutionFailed: the name, the reason and the time spent. `done` may destroy
  /// the resolver.
  void Resolve(std::string_view host, int port, Callback done);
  /// Forgets the lookup; `done` does not run.
  void Cancel() noexcept;

 private:
  struct Lookup;
  Reactor* reactor_;
  ResolverOptions options_;
  std::unique_ptr<Lookup> lookup_;
};

}  // namespace dbnloop::net
