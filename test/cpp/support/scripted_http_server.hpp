#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dbnloop/reactor.hpp"
#include "net/scoped_fd.hpp"
#include "support/certificates.hpp"
#include "support/scripted_gateway.hpp"

namespace dbnloop::test {

/// What the server does with a request.
struct HttpAnswer {
  enum class Then { Keep, Close, Truncate, Reset };
  std::string bytes;
  Then then = Then::Keep;  ///< Close: with close_notify; Truncate: without
  std::size_t piece = 0;   ///< bytes per turn; 0: all that the socket takes
};

/// An HTTP server on loopback, plain or TLS, driven by the reactor under test. Each
/// request (head and body) is given to `answer`.
class ScriptedHttpServer {
 public:
  using Then = HttpAnswer::Then;

  explicit ScriptedHttpServer(Reactor* reactor, const Identity* identity = nullptr)
      : reactor_{reactor}, listener_{Listen(64)} {
    if (identity != nullptr) {
      context_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate(context_.get(), identity->certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), identity->key.get());
    }
    reactor_->Add(listener_.get(), EPOLLIN, [this](std::uint32_t) { Accept(); });
  }
  ~ScriptedHttpServer() {
    while (!peers_.empty()) Drop(peers_.begin()->first);
    reactor_->Remove(listener_.get());
  }
  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string Url(const std::string& host = "127.0.0.1") const {
    return (context_ ? "https://" : "http://") + host + ":" + std::to_string(port_);
  }

  /// Speaks no newer version of TLS, and old ones whatever the system forbids.
  void UseAtMost(int tls_version) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), tls_version);
  }

  /// Set before requests come. An answer without bytes that keeps: none, for ever.
  std::function<HttpAnswer(const std::string& request)> answer;
  /// Whether TLS handshakes are answered at all.
  bool mute = false;
  /// Whether peers ask for a tunnel first; what they tunnel to is this server.
  bool proxy = false;

  std::vector<std::string> requests;
  int accepted = 0;
  [[nodiscard]] std::size_t open() const { return peers_.size(); }
  /// Bytes of all peers that the sockets did not take yet.
  [[nodiscard]] std::size_t Unsent() const {
    std::size_t n = 0;
    for (const auto& [fd, peer] : peers_) n += peer.out.size() - peer.sent;
    return n;
  }

  /// How many bytes may still go out, TLS's own included; nothing: as many as there
  /// are.
  void Allow(std::optional<std::size_t> bytes) {
    allowance_ = bytes;
    FlushLast();
  }
  // The rest concerns the peer that came last; nothing happens when it is gone.
  /// Says more, `piece` bytes a turn (0: all that the socket takes).
  void Send(std::string_view bytes, std::size_t piece = 0) {
    if (!peers_.contains(last_)) return;
    auto& peer = peers_.at(last_);
    peer.piece = piece;
    Say(peer, bytes);
    FlushLast();
  }
  /// The same on the wire, whatever TLS makes of it.
  void SendRaw(std::string_view bytes) {
    if (!peers_.contains(last_)) return;
    peers_.at(last_).out += bytes;
    FlushLast();
  }
  /// What the socket did not take yet is never said.
  void Forget() {
    if (!peers_.contains(last_)) return;
    auto& peer = peers_.at(last_);
    peer.out.clear();
    peer.sent = 0;
  }
  /// Ends behind what was said.
  void End(Then then) {
    if (!peers_.contains(last_)) return;
    EndWith(peers_.at(last_), then);
    FlushLast();
  }

  static std::string Response(int status, std::string_view body,
                              const std::string& headers = {}) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
           "\r\n" + std::string{body};
  }
  static std::string Chunked(std::string_view body, std::size_t chunk,
                             const std::string& headers = {}) {
    std::string out =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + headers + "\r\n";
    constexpr std::string_view kHex = "0123456789abcdef";
    for (; !body.empty(); body.remove_prefix(std::min(chunk, body.size()))) {
      const auto part = body.substr(0, chunk);
      std::string size;
      for (auto n = part.size(); n != 0; n /= 16) size.insert(0, 1, kHex[n % 16]);
      out += size + "\r\n" + std::string{part} + "\r\n";
    }
    return out + "0\r\n\r\n";
  }

 private:
  struct FreeSsl {
    void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
    void operator()(SSL* p) const { SSL_free(p); }
  };
  struct Peer {
    net::ScopedFd fd;
    std::unique_ptr<SSL, FreeSsl> ssl;  // over memory: in and out are its wire
    std::string in;
    std::string out;  // what the wire shall carry
    std::size_t sent = 0;
    std::size_t piece = 0;
    Then then = Then::Keep;
    bool answered = false;  // with an end
    bool tunnel = false;    // it has not asked for one yet
    std::uint32_t interest = EPOLLIN;
  };

  void Accept() {
    net::ScopedFd fd{
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) return;
    ++accepted;
    // What was said is on its way: nothing waits for an acknowledgement.
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    const int raw = fd.get();
    auto& peer = peers_[raw];
    peer.fd = std::move(fd);
    peer.tunnel = proxy;
    last_ = raw;
    if (context_) {
      peer.ssl.reset(SSL_new(context_.get()));
      SSL_set_bio(peer.ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
      SSL_set_accept_state(peer.ssl.get());
    }
    reactor_->Add(raw, EPOLLIN, [this, raw](std::uint32_t events) {
      if ((events & EPOLLOUT) != 0 && !Flush(raw)) return;
      if ((events & ~EPOLLOUT) != 0) Read(raw);
    });
  }

  void Drop(int fd) {
    reactor_->Remove(fd);
    peers_.erase(fd);
  }

  void Read(int fd) {
    auto& peer = peers_.at(fd);
    std::array<char, 16384> block;
    const auto n = ::recv(fd, block.data(), block.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return Drop(fd);
    if (mute) return;
    if (!peer.ssl || peer.tunnel) {
      peer.in.append(block.data(), static_cast<std::size_t>(n));
    } else {
      BIO_write(SSL_get_rbio(peer.ssl.get()), block.data(), static_cast<int>(n));
      if (!SSL_is_init_finished(peer.ssl.get())) SSL_do_handshake(peer.ssl.get());
      for (int got = 1; got > 0 && SSL_is_init_finished(peer.ssl.get());) {
        got = SSL_read(peer.ssl.get(), block.data(), static_cast<int>(block.size()));
        if (got > 0) peer.in.append(block.data(), static_cast<std::size_t>(got));
      }
      TakeWire(peer);
    }
    while (!peer.answered && TakeRequest(peer)) {
    }
    Flush(fd);
  }

  static void TakeWire(Peer& peer) {
    char* data = nullptr;
    BIO* const wire = SSL_get_wbio(peer.ssl.get());
    const auto size = BIO_get_mem_data(wire, &data);
    peer.out.append(data, static_cast<std::size_t>(size));
    (void)BIO_reset(wire);
  }

  void Say(Peer& peer, std::string_view bytes) {
    if (!peer.ssl) {
      peer.out += bytes;
    } else if (!bytes.empty()) {
      SSL_write(peer.ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
      TakeWire(peer);
    }
  }

  void EndWith(Peer& peer, Then then) {
    if (peer.ssl && then == Then::Close) {
      SSL_shutdown(peer.ssl.get());
      TakeWire(peer);
    }
    peer.then = then;
    peer.answered = then != Then::Keep;
  }

  void FlushLast() {
    if (peers_.contains(last_)) Flush(last_);
  }

  bool TakeRequest(Peer& peer) {
    const auto end = peer.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::size_t body = 0;
    constexpr std::string_view kLength = "Content-Length: ";
    if (const auto at = peer.in.find(kLength); at < end) {
      body = std::stoul(peer.in.substr(at + kLength.size()));
    }
    if (peer.in.size() < end + 4 + body) return false;
    requests.push_back(peer.in.substr(0, end + 4 + body));
    peer.in.erase(0, end + 4 + body);
    if (std::exchange(peer.tunnel, false)) {
      peer.out += "HTTP/1.1 200 OK\r\n\r\n";
      return false;
    }
    const auto given = answer(std::string{requests.back()});
    if (given.bytes.empty() && given.then == Then::Keep) return true;
    Say(peer, given.bytes);
    EndWith(peer, given.then);
    peer.piece = given.piece;
    return true;
  }

  // False when the peer is gone.
  bool Flush(int fd) {
    auto& peer = peers_.at(fd);
    auto left = peer.out.size() - peer.sent;
    if (peer.piece != 0) left = std::min(left, peer.piece);
    if (allowance_) left = std::min(left, *allowance_);
    while (left != 0) {
      const auto n = ::send(fd, peer.out.data() + peer.sent, left, MSG_NOSIGNAL);
      if (n < 0) break;
      peer.sent += static_cast<std::size_t>(n);
      left -= static_cast<std::size_t>(n);
      if (allowance_) *allowance_ -= static_cast<std::size_t>(n);
    }
    const bool all = peer.sent == peer.out.size();
    if (all && peer.answered) {
      const linger hard{1, 0};
      if (peer.then == Then::Reset) {
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
      }
      Drop(fd);
      return false;
    }
    if (all) {
      peer.out.clear();
      peer.sent = 0;
    }
    const bool waits = all || allowance_ == 0U;
    const std::uint32_t wanted = EPOLLIN | (waits ? 0U : EPOLLOUT);
    if (wanted != peer.interest) reactor_->Modify(fd, peer.interest = wanted);
    return true;
  }

  Reactor* reactor_;
  net::ScopedFd listener_;
  int port_ = PortOf(listener_.get());
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
  std::map<int, Peer> peers_;
  int last_ = -1;
  std::optional<std::size_t> allowance_;
};

}  // namespace dbnloop::test
