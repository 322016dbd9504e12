// The live path over loopback, from a sender in a process of its own: what a record
// costs in C++, beside a bare recv loop. Rounds are interleaved; medians come out.
//
//   live_receive [ROUNDS [MIB]]

#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bench/live_sender.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::bench {
namespace {

struct Sample {
  std::uint64_t records = 0;
  std::uint64_t sum = 0;  // of prices: what a handler might do, and a check
  double seconds = 0;
  double cpu = 0;
};

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Stopwatch {
 public:
  void Note(Sample& sample) const {
    const std::chrono::duration<double> wall =
        std::chrono::steady_clock::now() - began_;
    sample.seconds = wall.count();
    sample.cpu = CpuSeconds() - cpu_;
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double cpu_ = CpuSeconds();
};

Sample BareRecv(std::uint64_t blocks) {
  const Sender sender{blocks, false};
  const net::ScopedFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(sender.port()));
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) != 0) {
    std::abort();
  }
  std::vector<char> buffer(64 * 1024);
  Sample sample;
  std::uint64_t bytes = 0;
  const Stopwatch watch;
  // As the client does: wait, then read. A recv that blocks wakes for each segment.
  pollfd wait{fd.get(), POLLIN, 0};
  for (;;) {
    ::poll(&wait, 1, -1);
    const auto n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    if (n > 0) bytes += static_cast<std::uint64_t>(n);
  }
  watch.Note(sample);
  sample.records = bytes / sizeof(MboMsg);
  return sample;
}

template <typename MakeHandler>
Sample Live(std::uint64_t blocks, MakeHandler make_handler) {
  const Sender sender{blocks, true};
  Reactor reactor;
  LiveClient client{&reactor, std::string{kKey}};
  Sample sample;
  client.OnRecord(make_handler(sample));
  bool ended = false;
  client.OnError([&](const Error&) { ended = true; });
  client.Connect("127.0.0.1", sender.port());
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
  client.Start();
  while (client.GetState() != LiveClient::State::Streaming) reactor.Poll();
  const Stopwatch watch;
  while (!ended) reactor.Poll();
  watch.Note(sample);
  return sample;
}

struct Way {
  const char* name;
  std::function<Sample(std::uint64_t)> run;
  std::vector<double> cpu_ns;
  std::vector<double> rate;
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int Main(int rounds, std::uint64_t blocks) {
  std::vector<Way> ways{
      {"bare recv, 64 KiB", BareRecv, {}, {}},
      {"runs",
       [](std::uint64_t n) {
         return Live(n, [](Sample& s) {
           return [&s](std::span<const MboMsg> run) {
             s.records += run.size();
             for (const auto& m : run) s.sum += static_cast<std::uint64_t>(m.price);
           };
         });
       },
       {},
       {}},
      {"OnRecord(Overload)",
       [](std::uint64_t n) {
         return Live(n, [](Sample& s) {
           return Overload{[&s](const MboMsg& m) {
                             ++s.records;
                             s.sum += static_cast<std::uint64_t>(m.price);
                           },
                           [](const auto&) {}};
         });
       },
       {},
       {}},
      {"OnRecord(Record)",
       [](std::uint64_t n) {
         return Live(n, [](Sample& s) {
           return [&s](const Record& r) {
             ++s.records;
             s.sum += static_cast<std::uint64_t>(r.Get<MboMsg>().price);
           };
         });
       },
       {},
       {}},
  };
  const auto expected = blocks * (MboBlock().size() / sizeof(MboMsg));
  for (int round = 0; round < rounds; ++round) {
    for (auto& way : ways) {
      const auto sample = way.run(blocks);
      if (sample.records != expected) {
        std::fprintf(stderr, "%s: %llu records instead of %llu\n", way.name,
                     static_cast<unsigned long long>(sample.records),
                     static_cast<unsigned long long>(expected));
        return 1;
      }
      way.cpu_ns.push_back(sample.cpu * 1e9 / static_cast<double>(sample.records));
      way.rate.push_back(static_cast<double>(sample.records) / sample.seconds / 1e6);
    }
  }
  std::printf(
      "live over loopback, mbo, %llu records, median of %d interleaved rounds\n",
      static_cast<unsigned long long>(expected), rounds);
  std::printf("%-20s %14s %12s %12s\n", "", "CPU ns/record", "M records/s",
              "CPU / bare");
  for (const auto& way : ways) {
    std::printf("%-20s %14.2f %12.1f %12.2f\n", way.name, Median(way.cpu_ns),
                Median(way.rate), Median(way.cpu_ns) / Median(ways[0].cpu_ns));
  }
  return 0;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const auto mib = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 512;
  return dbnloop::bench::Main(std::max(rounds, 1), mib);
}
