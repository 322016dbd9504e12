#include "net/resolver.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/str_cat.hpp"
#include "net/timer.hpp"

namespace dbnloop::net {
namespace {

using std::chrono::milliseconds;

Error DnsError(std::string_view host, std::string_view reason, milliseconds spent,
               std::string_view advice) {
  return {ErrorCode::DnsResolutionFailed,
          base::StrCat("cannot resolve host name '", host, "': ", reason, " (after ",
                       spent.count(), " ms); ", advice)};
}

std::string_view Advice(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
      return "check the spelling of the name";
    case ARES_EBADNAME:
      return "it is not a host name";
    default:
      return "check the network and the servers in /etc/resolv.conf";
  }
}

Address FromSockaddr(const sockaddr* source, socklen_t length, int port) {
  Address address;
  std::memcpy(&address.storage, source,
              std::min<std::size_t>(length, sizeof(address.storage)));
  address.length = length;
  const auto wire_port = htons(static_cast<std::uint16_t>(port));
  if (source->sa_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = wire_port;
  } else {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = wire_port;
  }
  return address;
}

}  // namespace

std::string Address::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    return base::StrCat(text, ":", ntohs(in->sin_port));
  }
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  ::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
  return base::StrCat("[", text, "]:", ntohs(in6->sin6_port));
}

Address Address::FromNumeric(std::string_view host, int port) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string text{host};
  sockaddr_in in{};
  in.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &in.sin_addr) == 1) {
    return FromSockaddr(reinterpret_cast<const sockaddr*>(&in), sizeof(in), port);
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  if (::inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr) == 1) {
    return FromSockaddr(reinterpret_cast<const sockaddr*>(&in6), sizeof(in6), port);
  }
  return {};
}

// One lookup: its c-ares channel, the channel's sockets in the reactor, its timers.
struct Resolver::Lookup {
  Lookup(Resolver* owner, std::string_view host, int port, Callback answered)
      : owner_{owner},
        reactor_{owner->reactor_},
        host_{host},
        port_{port},
        answered_{std::make_shared<Callback>(std::move(answered))},
        began_{reactor_->Now()} {}

  ~Lookup() {
    closing_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);
    for (const int fd : fds_) reactor_->Remove(fd);
  }

  void Begin() {
    if (const Address numeric = Address::FromNumeric(host_, port_);
        numeric.length != 0) {
      found_ = {numeric};
      return ContinueSoon();
    }
    if (status_ = Open(); status_ != ARES_SUCCESS) return ContinueSoon();
    if (owner_->options_.timeout.count() > 0) {
      deadline_.Arm(owner_->options_.timeout, [this] {
        status_ = ARES_ETIMEOUT;
        Finish();
      });
    }
    // The network is not asked for localhost. (c-ares 1.18 also leaks a few bytes when
    // the hosts file does not have the family that is asked for.)
    if (host_ == "localhost" || host_.ends_with(".localhost")) {
      pending_ = 1;
      Ask(AF_UNSPEC);
    } else {
      pending_ = 2;
      Ask(AF_INET6);
      Ask(AF_INET);
    }
    // What the hosts file knows is known already, but is reported in a later turn.
    ContinueSoon();
  }

 private:
  int Open() {
    ares_options options{};
    options.timeout = static_cast<int>(owner_->options_.attempt_timeout.count());
    options.tries = owner_->options_.tries;
    options.sock_state_cb = &Lookup::OnSocketState;
    options.sock_state_cb_data = this;
    // Hosts file, then DNS. c-ares reads both files here: short local reads, no
    // network.
    char lookups[] = "fb";
    options.lookups = lookups;
    const int mask =
        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
    int status = ares_init_options(&channel_, &options, mask);
    if (status == ARES_SUCCESS && !owner_->options_.servers.empty()) {
      status = ares_set_servers_ports_csv(channel_, owner_->options_.servers.c_str());
    }
    return status;
  }

  void Ask(int family) {
    ares_addrinfo_hints hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, host_.c_str(), nullptr, &hints, &Lookup::OnAnswer, this);
  }

  // Only records the answer: c-ares calls this from inside its own functions, through
  // which no exception may pass.
  static void OnAnswer(void* self, int status, int /*timeouts*/, ares_addrinfo* info) {
    auto* lookup = static_cast<Lookup*>(self);
    if (!lookup->closing_) lookup->Guard([&] { lookup->RecordAnswer(status, info); });
    if (info != nullptr) ares_freeaddrinfo(info);
  }

  template <typename F>
  void Guard(F&& f) noexcept {
    try {
      f();
    } catch (...) {
      failed_ = true;
    }
  }

  void RecordAnswer(int status, const ares_addrinfo* info) {
    --pending_;
    const auto before = found_.size();
    for (const auto* node = info != nullptr ? info->nodes : nullptr; node != nullptr;
         node = node->ai_next) {
      if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
      found_.push_back(FromSockaddr(node->ai_addr, node->ai_addrlen, port_));
    }
    if (found_.size() != before) return;
    // That a family has no address says less than any other reason.
    if (status == ARES_SUCCESS) status = ARES_ENODATA;
    if (status_ == ARES_SUCCESS || status_ == ARES_ENODATA) status_ = status;
  }

  static void OnSocketState(void* self, ares_socket_t fd, int readable, int writable) {
    auto* lookup = static_cast<Lookup*>(self);
    lookup->Guard([&] { lookup->Watch(fd, readable != 0, writable != 0); });
  }

  void Watch(int fd, bool readable, bool writable) {
    const std::uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
    if (events == 0) {
      reactor_->Remove(fd);
      fds_.erase(fd);
    } else if (fds_.insert(fd).second) {
      reactor_->Add(fd, events,
                    [this, fd](std::uint32_t ready) { Process(fd, ready); });
    } else {
      reactor_->Modify(fd, events);
    }
  }

  void Process(int fd, std::uint32_t ready) {
    const bool in = (ready & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    const bool out = (ready & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
    ares_process_fd(channel_, in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
    Continue();
  }

  // c-ares retries when it is called after its own timeout: a timer calls it then.
  void ArmRetry() {
    timeval wait{};
    if (ares_timeout(channel_, nullptr, &wait) == nullptr) return retry_.Disarm();
    const auto delay = std::chrono::seconds{wait.tv_sec} +
                       std::chrono::microseconds{wait.tv_usec} + milliseconds{1};
    retry_.Arm(delay, [this] {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      Continue();
    });
  }

  void ContinueSoon() {
    retry_.Defer([this] { Continue(); });
  }

  void Continue() {
    if (failed_) status_ = ARES_ENOMEM;
    if (pending_ == 0 || failed_) return Finish();
    ArmRetry();
    if (found_.empty()) return;
    if (found_.front().family() == AF_INET6) return Report();
    if (!delay_.armed()) delay_.Arm(kResolutionDelay, [this] { Report(); });
  }

  // The other family continues. The callback may destroy this.
  void Report() {
    given_ = true;
    const auto answered = answered_;
    (*answered)({.addresses = std::exchange(found_, {}), .last = false});
  }

  // Ends the lookup before it calls out, so that the callback may begin another one or
  // destroy the resolver.
  void Finish() {
    const auto answered = answered_;
    std::ranges::stable_partition(
        found_, [](const Address& a) { return a.family() == AF_INET6; });
    Answer answer{.addresses = std::move(found_), .last = true};
    if (answer.addresses.empty() && !given_) answer.error = Reason();
    owner_->lookup_.reset();  // deletes this
    (*answered)(std::move(answer));
  }

  Error Reason() const {
    const auto spent =
        std::chrono::duration_cast<milliseconds>(reactor_->Now() - began_);
    const std::string_view reason =
        status_ == ARES_ETIMEOUT ? "no answer in time" : ares_strerror(status_);
    return DnsError(host_, reason, spent, Advice(status_));
  }

  Resolver* owner_;
  Reactor* reactor_;
  std::string host_;
  int port_;
  std::shared_ptr<Callback> answered_;
  Reactor::Clock::time_point began_;
  ares_channel channel_ = nullptr;
  std::set<int> fds_;
  Timer deadline_{reactor_};
  Timer retry_{reactor_};
  Timer delay_{reactor_};
  int pending_ = 0;             // families that have not answered
  std::vector<Address> found_;  // and were not given yet
  bool given_ = false;
  bool failed_ = false;        // memory or an fd's place in epoll could not be had
  int status_ = ARES_SUCCESS;  // why a family has none
  bool closing_ = false;
};

Resolver::Resolver(Reactor* reactor, ResolverOptions options)
    : reactor_{reactor}, options_{std::move(options)} {}

Resolver::~Resolver() = default;

void Resolver::Resolve(std::string_view host, int port, Callback answered) {
  lookup_ = std::make_unique<Lookup>(this, host, port, std::move(answered));
  lookup_->Begin();
}

void Resolver::Cancel() noexcept { lookup_.reset(); }

}  // namespace dbnloop::net
