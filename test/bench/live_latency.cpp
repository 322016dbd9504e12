// How long a record takes from another process into a handler, at given rates: loops
// that wait and loops that spin, beside bare recv loops that do the same.
//
//   live_latency [ROUNDS [SECONDS [RATE,… [NAME=PROGRAM]...]]]
//
// Prints a line of key=value for each rate, way and origin. The origins are the fields
// of the records, in which the sender writes its clock: ts_recv is when a record was
// due by the rate, ts_out when it was given to the system. `kernel` is when the system
// had received it (SO_TIMESTAMPNS). Every record of a batch counts, at the time when
// the batch is handed out; for `kernel`, of each read the record whose time the system
// reports, which is the last one, or the first one where the library reads. A PROGRAM
// is called with a port and "wait" or "spin", and prints one line of bucket counts for
// each of the two fields (see ReadCounts).

#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/child_server.hpp"
#include "bench/latency_buckets.hpp"
#include "bench/live_sender.hpp"
#include "bench/mbo_stream.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::bench {
namespace {

using TsMbo = WithTsOut<MboMsg>;

std::int64_t WallNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

UnixNanos At(std::int64_t nanos) {
  return UnixNanos{UnixNanos::duration{static_cast<std::uint64_t>(nanos)}};
}

std::int64_t NanosOf(UnixNanos time) {
  return static_cast<std::int64_t>(time.time_since_epoch().count());
}

std::string TsHeader() {
  Metadata metadata;
  metadata.dataset = "GLBX.MDP3";
  metadata.ts_out = true;
  const auto bytes = EncodeMetadata(metadata);
  if (!bytes) std::abort();
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

/// Sends records at a rate for some time; what is due is sent at once, in one piece. It
/// spins, because a sleep would be late.
class PacedSender : public ChildServer {
 public:
  PacedSender(std::int64_t rate, double seconds, bool handshake)
      : ChildServer{[=](int socket) {
          const int on = 1;
          ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
          if (handshake) Welcome(socket, TsHeader());
          std::vector<TsMbo> records;
          const auto total =
              static_cast<std::int64_t>(seconds * static_cast<double>(rate));
          const auto period = 1e9 / static_cast<double>(rate);
          const auto began = WallNanos();
          const auto due = [&](std::int64_t i) {
            return began + static_cast<std::int64_t>(static_cast<double>(i) * period);
          };
          for (std::int64_t sent = 0; sent < total;) {
            const auto now = WallNanos();
            records.clear();
            for (auto i = sent; i < total && due(i) <= now; ++i) {
              MboMsg record{};
              record.hd.rtype = RType::Mbo;
              record.ts_recv = At(due(i));
              records.emplace_back(record, At(now));
            }
            sent += static_cast<std::int64_t>(records.size());
            SendAll(socket, {reinterpret_cast<const char*>(records.data()),
                             records.size() * sizeof(TsMbo)});
          }
        }} {}
};

struct Latencies {
  LatencyBuckets due;     // since ts_recv
  LatencyBuckets sent;    // since ts_out
  LatencyBuckets kernel;  // since the system had received it

  void Take(std::span<const TsMbo> records) {
    const auto now = WallNanos();
    for (const auto& record : records) {
      due.Add(now - NanosOf(record.rec.ts_recv));
      sent.Add(now - NanosOf(record.ts_out));
    }
  }
  void Add(const Latencies& other) {
    due.Add(other.due);
    sent.Add(other.sent);
    kernel.Add(other.kernel);
  }
};

void AskForTimes(int fd) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

/// recv, which also tells when the system had received what it returns; 0: it does not
/// say.
ssize_t ReceiveTimed(int fd, std::span<char> into, int flags, std::int64_t& time) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  iovec where{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  time = 0;
  const auto n = ::recvmsg(fd, &message, flags);
  if (n <= 0) return n;
  const auto* const said = CMSG_FIRSTHDR(&message);
  if (said != nullptr && said->cmsg_type == SCM_TIMESTAMPNS) {
    timespec at{};
    std::memcpy(&at, CMSG_DATA(said), sizeof(at));
    time = at.tv_sec * 1'000'000'000 + at.tv_nsec;
  }
  return n;
}

struct Load {
  std::int64_t rate;
  double seconds;
};

Latencies Bare(Load load, bool spin) {
  const PacedSender sender{load.rate, load.seconds, false};
  const auto fd = ConnectTo(sender.port());
  AskForTimes(fd.get());
  Latencies latencies;
  std::vector<TsMbo> buffer(1024, TsMbo{MboMsg{}, {}});
  std::size_t held = 0;  // bytes
  for (;;) {
    auto* const bytes = reinterpret_cast<char*>(buffer.data());
    std::int64_t time = 0;
    const auto n =
        ReceiveTimed(fd.get(), {bytes + held, buffer.size() * sizeof(TsMbo) - held},
                     spin ? MSG_DONTWAIT : 0, time);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) return latencies;
    if (time != 0) latencies.kernel.Add(WallNanos() - time);
    held += static_cast<std::size_t>(n);
    const auto complete = held / sizeof(TsMbo);
    latencies.Take(std::span{buffer}.first(complete));
    const auto used = complete * sizeof(TsMbo);
    std::memmove(bytes, bytes + used, held - used);
    held -= used;
  }
}

/// `timed`: looks at the socket before each turn, which costs a little.
Latencies Client(Load load, bool spin, bool timed) {
  const PacedSender sender{load.rate, load.seconds, true};
  Reactor reactor{{.spin = std::chrono::seconds{spin ? 1 : 0}}};
  LiveClient client{&reactor, std::string{kKey}, {.ts_out = true}};
  Latencies latencies;
  bool ended = false;
  std::int64_t time = 0;
  client.OnRecord([&](std::span<const TsMbo> run) {
    latencies.Take(run);
    if (time != 0) latencies.kernel.Add(WallNanos() - time);
    time = 0;
  });
  client.OnState([&](LiveClient::State state) {
    if (timed && state == LiveClient::State::Authenticating) AskForTimes(client.Fd());
  });
  client.OnError([&](const Error&) { ended = true; });
  client.Connect("127.0.0.1", sender.port());
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
  client.Start();
  while (!ended) {
    if (!timed || client.GetState() != LiveClient::State::Streaming) {
      reactor.Poll();
      continue;
    }
    pollfd ready{reactor.Fd(), POLLIN, 0};
    while (::poll(&ready, 1, spin ? 0 : -1) == 0) {
    }
    char first = 0;
    ReceiveTimed(client.Fd(), {&first, 1}, MSG_PEEK | MSG_DONTWAIT, time);
    reactor.Poll(0);
  }
  return latencies;
}

/// "N NANOS:COUNT…": how many values there are, and how often each occurred.
bool ReadCounts(std::FILE* in, LatencyBuckets& into) {
  unsigned long long values = 0;
  if (std::fscanf(in, "%llu", &values) != 1) return false;
  for (unsigned long long i = 0; i < values; ++i) {
    long long nanos = 0;
    unsigned long long count = 0;
    if (std::fscanf(in, "%lld:%llu", &nanos, &count) != 2) return false;
    into.Add(nanos, count);
  }
  return true;
}

Latencies Program(Load load, const std::string& program, bool spin) {
  const PacedSender sender{load.rate, load.seconds, true};
  const auto command =
      program + " " + std::to_string(sender.port()) + (spin ? " spin" : " wait");
  auto* const out = ::popen(command.c_str(), "r");
  Latencies latencies;
  if (out == nullptr || !ReadCounts(out, latencies.due) ||
      !ReadCounts(out, latencies.sent)) {
    std::fprintf(stderr, "%s: no result\n", command.c_str());
    std::exit(1);
  }
  ::pclose(out);
  return latencies;
}

void Print(const std::string& way, std::int64_t rate, const char* origin,
           const LatencyBuckets& buckets) {
  if (buckets.Count() == 0) return;
  const auto micros = [&](double q) {
    return static_cast<double>(buckets.Quantile(q)) * 1e-3;
  };
  std::printf(
      "live_latency way=%s rate=%lld origin=%s count=%llu p50_us=%.1f p99_us=%.1f "
      "p999_us=%.1f max_us=%.1f\n",
      way.c_str(), static_cast<long long>(rate), origin,
      static_cast<unsigned long long>(buckets.Count()), micros(0.5), micros(0.99),
      micros(0.999), static_cast<double>(buckets.Max()) * 1e-3);
}

struct LatencyWay {
  std::string name;
  std::function<Latencies(Load)> run;
  bool all = true;  // whether every record must have been counted
};

int Main(int rounds, double seconds, const std::vector<std::int64_t>& rates,
         const std::vector<std::pair<std::string, std::string>>& programs) {
  std::vector<LatencyWay> ways;
  for (const bool spin : {false, true}) {
    const std::string suffix = spin ? "_spin" : "_wait";
    ways.push_back({"bare" + suffix, [=](Load load) { return Bare(load, spin); }});
    ways.push_back(
        {"C++" + suffix, [=](Load load) { return Client(load, spin, false); }});
    ways.push_back({"C++" + suffix + "_timed",
                    [=](Load load) { return Client(load, spin, true); }});
    for (const auto& [name, program] : programs) {
      ways.push_back(
          {name + suffix, [=](Load load) { return Program(load, program, spin); }});
    }
  }
  for (const auto rate : rates) {
    const auto expected =
        static_cast<std::uint64_t>(seconds * static_cast<double>(rate));
    std::vector<Latencies> sums(ways.size());
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < ways.size(); ++i) {
        const auto latencies = ways[i].run({rate, seconds});
        if (latencies.sent.Count() != expected) {
          std::fprintf(stderr, "%s: %llu records\n", ways[i].name.c_str(),
                       static_cast<unsigned long long>(latencies.sent.Count()));
          return 1;
        }
        sums[i].Add(latencies);
      }
    }
    for (std::size_t i = 0; i < ways.size(); ++i) {
      Print(ways[i].name, rate, "ts_recv", sums[i].due);
      Print(ways[i].name, rate, "ts_out", sums[i].sent);
      Print(ways[i].name, rate, "kernel", sums[i].kernel);
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1;
  std::vector<std::int64_t> rates;
  const std::string list{argc > 3 ? argv[3] : "10000,100000,1000000"};
  for (std::size_t at = 0; at < list.size();) {
    const auto cut = std::min(list.find(',', at), list.size());
    rates.push_back(std::atoll(list.substr(at, cut - at).c_str()));
    at = cut + 1;
  }
  std::vector<std::pair<std::string, std::string>> programs;
  for (int i = 4; i < argc; ++i) {
    const std::string given{argv[i]};
    const auto cut = given.find('=');
    if (cut == std::string::npos) {
      std::fprintf(stderr, "'%s' is not NAME=PROGRAM\n", argv[i]);
      return 2;
    }
    programs.emplace_back(given.substr(0, cut), given.substr(cut + 1));
  }
  return dbnloop::bench::Main(std::max(rounds, 1), seconds, rates, programs);
}
