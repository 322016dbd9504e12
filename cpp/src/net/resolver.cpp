#include "net/resolver.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace dbnloop::net {
namespace {

using std::chrono::milliseconds;

Error DnsError(std::string_view host, std::string_view reason, milliseconds spent,
               std::string_view advice) {
  return {ErrorCode::DnsResolutionFailed,
          "cannot resolve host name '" + std::string{host} +
              "': " + std::string{reason} + " (after " + std::to_string(spent.count()) +
              " ms); " + std::string{advice}};
}

std::string_view Advice(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
      return "check the spelling, or the dataset that the name was derived from";
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

// Alternates the families so that a broken one costs one attempt, not all of them.
std::vector<Address> Interleave(const ares_addrinfo& info, int port) {
  std::vector<Address> six;
  std::vector<Address> four;
  for (const auto* node = info.nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    auto& list = node->ai_family == AF_INET6 ? six : four;
    list.push_back(FromSockaddr(node->ai_addr, node->ai_addrlen, port));
  }
  std::vector<Address> all;
  all.reserve(six.size() + four.size());
  for (std::size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) all.push_back(six[i]);
    if (i < four.size()) all.push_back(four[i]);
  }
  return all;
}

}  // namespace

std::string Address::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    return std::string{text} + ":" + std::to_string(ntohs(in->sin_port));
  }
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  ::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
  return "[" + std::string{text} + "]:" + std::to_string(ntohs(in6->sin6_port));
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
  Lookup(Resolver* owner, std::string_view host, int port, Callback done)
      : owner_{owner},
        reactor_{owner->reactor_},
        host_{host},
        port_{port},
        done_{std::move(done)},
        began_{Reactor::Clock::now()} {}

  ~Lookup() {
    reactor_->Cancel(deadline_);
    reactor_->Cancel(retry_);
    reactor_->Cancel(answer_);
    closing_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);
    for (const int fd : fds_) reactor_->Remove(fd);
  }

  void Begin() {
    if (const Address numeric = Address::FromNumeric(host_, port_);
        numeric.length != 0) {
      result_ = std::vector<Address>{numeric};
      return AnswerLater();
    }
    if (const int status = Open(); status != ARES_SUCCESS) return Fail(status);
    if (owner_->options_.timeout.count() > 0) {
      deadline_ = reactor_->After(owner_->options_.timeout, [this] {
        result_ = std::unexpected{
            DnsError(host_, "no answer in time", Spent(), Advice(ARES_ETIMEOUT))};
        Answer();
      });
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, host_.c_str(), nullptr, &hints, &Lookup::OnAnswer, this);
    if (answered_) return AnswerLater();
    ArmRetry();
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

  static void OnAnswer(void* self, int status, int /*timeouts*/, ares_addrinfo* info) {
    auto* lookup = static_cast<Lookup*>(self);
    if (!lookup->closing_) {
      if (status == ARES_SUCCESS && info != nullptr) {
        lookup->result_ = Interleave(*info, lookup->port_);
        if (lookup->result_->empty()) status = ARES_ENODATA;
      }
      if (status != ARES_SUCCESS) {
        lookup->result_ = std::unexpected{DnsError(lookup->host_, ares_strerror(status),
                                                   lookup->Spent(), Advice(status))};
      }
      lookup->answered_ = true;
    }
    if (info != nullptr) ares_freeaddrinfo(info);
  }

  static void OnSocketState(void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Lookup*>(self)->Watch(fd, readable != 0, writable != 0);
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
    reactor_->Cancel(retry_);
    timeval wait{};
    if (ares_timeout(channel_, nullptr, &wait) == nullptr) return;
    const auto delay = std::chrono::seconds{wait.tv_sec} +
                       std::chrono::microseconds{wait.tv_usec} + milliseconds{1};
    retry_ = reactor_->After(delay, [this] {
      ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      Continue();
    });
  }

  void Continue() {
    if (answered_) {
      Answer();
    } else {
      ArmRetry();
    }
  }

  void Fail(int status) {
    result_ = std::unexpected{
        DnsError(host_, ares_strerror(status), Spent(), Advice(status))};
    AnswerLater();
  }

  void AnswerLater() {
    answer_ = reactor_->After({}, [this] { Answer(); });
  }

  // Ends the lookup before it calls out, so that `done` may begin another one or
  // destroy the resolver.
  void Answer() {
    auto done = std::move(done_);
    auto result = std::move(result_);
    owner_->lookup_.reset();  // deletes this
    done(std::move(result));
  }

  milliseconds Spent() const {
    return std::chrono::duration_cast<milliseconds>(Reactor::Clock::now() - began_);
  }

  Resolver* owner_;
  Reactor* reactor_;
  std::string host_;
  int port_;
  Callback done_;
  Reactor::Clock::time_point began_;
  ares_channel channel_ = nullptr;
  std::set<int> fds_;
  Reactor::TimerId deadline_ = 0;
  Reactor::TimerId retry_ = 0;
  Reactor::TimerId answer_ = 0;
  Result result_;
  bool answered_ = false;
  bool closing_ = false;
};

Resolver::Resolver(Reactor* reactor, ResolverOptions options)
    : reactor_{reactor}, options_{std::move(options)} {}

Resolver::~Resolver() = default;

void Resolver::Resolve(std::string_view host, int port, Callback done) {
  lookup_ = std::make_unique<Lookup>(this, host, port, std::move(done));
  lookup_->Begin();
}

void Resolver::Cancel() noexcept { lookup_.reset(); }

}  // namespace dbnloop::net
