// A historical range over TLS on loopback, zstd inside, from a server in a process of
// its own: what it costs beside the slower of its parts, which are decompressing alone
// and receiving through TLS alone. Rounds are interleaved; medians come out.
//
//   historical_receive [ROUNDS [MIB]]

#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/bare.hpp"
#include "bench/child_server.hpp"
#include "bench/mbo_stream.hpp"
#include "bench/measure.hpp"
#include "cpp/support/certificates.hpp"
#include "dbnloop/historical_client.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::bench {
namespace {

constexpr std::string_view kKey = "db-benchbenchbenchbenchbench0000";

struct Free {
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;
using Ssl = std::unique_ptr<SSL, Free>;

void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "historical_receive: %s failed\n", what);
  ::_exit(1);
}

/// Serves one request, whatever it asks for, with the body.
class Server : public ChildServer {
 public:
  Server(const test::Identity& identity, const std::string& body)
      : ChildServer{[&](int socket) {
          const Context context{SSL_CTX_new(TLS_server_method())};
          SSL_CTX_use_certificate(context.get(), identity.certificate.get());
          SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
          const Ssl ssl{SSL_new(context.get())};
          SSL_set_fd(ssl.get(), socket);
          Require(SSL_accept(ssl.get()) == 1, "SSL_accept");
          std::array<char, 16 * 1024> request;
          Require(SSL_read(ssl.get(), request.data(), request.size()) > 0, "SSL_read");
          const auto head =
              "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\nConnection: close\r\n\r\n";
          Send(ssl.get(), head);
          Send(ssl.get(), body);
          SSL_shutdown(ssl.get());
          SSL_read(ssl.get(), request.data(), request.size());  // until the client goes
        }} {}

 private:
  static void Send(SSL* ssl, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n =
          SSL_write(ssl, bytes.data(),
                    static_cast<int>(std::min<std::size_t>(bytes.size(), kChunk)));
      Require(n > 0, "SSL_write");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
};

struct Setup {
  test::Identity identity;
  std::string ca_file;
  std::string body;
  std::uint64_t records;
};

// Bytes alone: what the body is worth in records counts when all of it came.
Sample BareTls(const Setup& setup) {
  const Server server{setup.identity, setup.body};
  const auto fd = ConnectTo(server.port());
  const Context context{SSL_CTX_new(TLS_client_method())};
  const Ssl ssl{SSL_new(context.get())};
  SSL_set_fd(ssl.get(), fd.get());
  Require(SSL_connect(ssl.get()) == 1, "SSL_connect");
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\n\r\n";
  SSL_write(ssl.get(), kRequest.data(), kRequest.size());
  std::vector<char> buffer(64 * 1024);
  Sample sample;
  std::size_t bytes = 0;
  const Stopwatch watch;
  for (;;) {
    const auto n = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (n <= 0) break;
    bytes += static_cast<std::size_t>(n);
  }
  watch.Note(sample);
  sample.records = bytes > setup.body.size() ? setup.records : 0;
  return sample;
}

Sample Zstd(const Setup& setup) {
  std::string_view rest = setup.body;
  return BareZstd([&] {
    const auto piece = rest.substr(0, 64 * 1024);
    rest.remove_prefix(piece.size());
    return std::span{piece.data(), piece.size()};
  });
}

Sample Client(const Setup& setup) {
  const Server server{setup.identity, setup.body};
  Reactor reactor;
  HistoricalOptions options;
  options.url = "https://127.0.0.1:" + std::to_string(server.port());
  options.ca_file = setup.ca_file;
  options.proxy = "";
  HistoricalClient client{&reactor, std::string{kKey}, options};
  Sample sample;
  bool ended = false;
  client.OnRecord([&](std::span<const MboMsg> run) { sample.Take(run); });
  client.OnMetadata([&](const Metadata&) {});
  client.OnComplete([&] { ended = true; });
  client.OnError([&](const Error& e) {
    std::fprintf(stderr, "historical_receive: %s\n", e.message.c_str());
    ended = true;
  });
  client.Request("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo, Timestamp{},
                 Timestamp{std::chrono::hours{1}});
  const Stopwatch watch;
  client.Start();
  while (!ended) reactor.Poll();
  watch.Note(sample);
  return sample;
}

int Main(int rounds, std::uint64_t blocks) {
  Setup setup{
      .identity = test::MakeIdentity(
          {.name = "bench", .alternative_names = "IP:127.0.0.1", .authority = true}),
      .ca_file = std::filesystem::temp_directory_path() /
                 ("dbnloop-bench-ca-" + std::to_string(::getpid())),
      .body = {},
      .records = RecordsOf(blocks)};
  std::ofstream{setup.ca_file} << setup.identity.Pem();
  EachZstdPiece(blocks, [&](std::span<const char> piece) {
    setup.body.append(piece.data(), piece.size());
  });
  std::vector<Way> ways;
  ways.push_back({"bare zstd", [&] { return Zstd(setup); }});
  ways.push_back({"bare TLS", [&] { return BareTls(setup); }});
  ways.push_back({"client, TLS and zstd", [&] { return Client(setup); }});
  const bool ok = Compare("historical over loopback", rounds, setup.records, ways);
  std::filesystem::remove(setup.ca_file);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const dbnloop::bench::Arguments given{argc, argv};
  return dbnloop::bench::Main(given.rounds, given.mib);
}
