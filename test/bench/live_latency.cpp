// How long a record takes from another process into a handler, one record at a time: a
// loop that waits (Poll(-1)) and one that spins (Poll(0)), beside bare recv loops that
// do the same. What waits is mostly the scheduler's time.
//
//   live_latency [ROUNDS [RECORDS]]

#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/child_server.hpp"
#include "bench/live_sender.hpp"
#include "bench/mbo_stream.hpp"
#include "bench/measure.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::bench {
namespace {

constexpr std::chrono::microseconds kPause{200};  // between two records

std::uint64_t NowNanos() {
  return static_cast<std::uint64_t>(
      std::chrono::steady_clock::now().time_since_epoch().count());
}

/// Sends single records that hold the time they were sent at.
class SlowSender : public ChildServer {
 public:
  SlowSender(std::uint64_t records, bool handshake)
      : ChildServer{[=](int socket) {
          // Else a record may wait for the delayed acknowledgement of the last one.
          const int on = 1;
          ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
          if (handshake) Welcome(socket);
          MboMsg m{};
          m.hd.length = sizeof(m) / RecordHeader::kLengthMultiplier;
          m.hd.rtype = RType::Mbo;
          for (std::uint64_t i = 0; i < records; ++i) {
            std::this_thread::sleep_for(kPause);
            m.order_id = NowNanos();
            SendAll(socket, {reinterpret_cast<const char*>(&m), sizeof(m)});
          }
        }} {}
};

using Delays = std::vector<double>;  // microseconds

void Note(Delays& delays, const MboMsg& m) {
  delays.push_back(static_cast<double>(NowNanos() - m.order_id) * 1e-3);
}

Delays Bare(std::uint64_t records, int flags) {
  const SlowSender sender{records, false};
  const auto fd = ConnectTo(sender.port());
  Delays delays;
  for (;;) {
    MboMsg m;
    const auto n = ::recv(fd.get(), &m, sizeof(m), flags);
    if (n < 0 && errno == EAGAIN) continue;
    if (n != sizeof(m)) return delays;
    Note(delays, m);
  }
}

Delays Client(std::uint64_t records, int timeout_ms) {
  const SlowSender sender{records, true};
  Reactor reactor;
  LiveClient client{&reactor, std::string{kKey}};
  Delays delays;
  bool ended = false;
  client.OnRecord([&](const MboMsg& m) { Note(delays, m); });
  client.OnError([&](const Error&) { ended = true; });
  client.Connect("127.0.0.1", sender.port());
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
  client.Start();
  while (!ended) reactor.Poll(timeout_ms);
  return delays;
}

double Quantile(Delays delays, double q) {
  std::ranges::sort(delays);
  const auto last = static_cast<double>(delays.size() - 1);
  return delays[static_cast<std::size_t>(q * last)];
}

struct LatencyWay {
  const char* name;
  std::function<Delays()> run;
  Delays all = {};
};

int Main(int rounds, std::uint64_t records) {
  std::vector<LatencyWay> ways;
  ways.push_back({"bare recv, waits", [=] { return Bare(records, 0); }});
  ways.push_back({"Poll(-1)", [=] { return Client(records, -1); }});
  ways.push_back({"bare recv, spins", [=] { return Bare(records, MSG_DONTWAIT); }});
  ways.push_back({"Poll(0), spins", [=] { return Client(records, 0); }});
  for (int round = 0; round < rounds; ++round) {
    for (auto& way : ways) {
      const auto delays = way.run();
      if (delays.size() != records) {
        std::fprintf(stderr, "%s: %zu records\n", way.name, delays.size());
        return 1;
      }
      way.all.insert(way.all.end(), delays.begin(), delays.end());
    }
  }
  std::printf("latency over loopback, %d interleaved rounds of %llu records\n", rounds,
              static_cast<unsigned long long>(records));
  std::printf("%-20s %12s %12s %12s\n", "", "p50 us", "p99 us", "p50 / first");
  for (const auto& way : ways) {
    std::printf("%-20s %12.1f %12.1f %12.2f\n", way.name, Quantile(way.all, 0.5),
                Quantile(way.all, 0.99),
                Quantile(way.all, 0.5) / Quantile(ways[0].all, 0.5));
  }
  return 0;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const auto records = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 2000;
  return dbnloop::bench::Main(std::max(rounds, 1), std::max(records, 1ULL));
}
