// Many live clients on one reactor: what a record costs when 1, 10, … clients stream as
// fast as a sender in a process of its own can send, what a client weighs, how evenly
// they are served, how long a turn lasts and a timer waits, and how soon the end of all
// connections at once is noticed.
//
//   live_many [CLIENTS,… [MIB [NAME=PROGRAM]...]]
//
// Prints a line of key=value for each language and number of clients; "bare" is epoll
// and recv into one buffer. MIB, or one for each client where that is more, are
// received to warm up, then to measure the cost, and then, after a second in which
// nobody read, to measure turns. A PROGRAM is called with a port, the number of clients
// and MiB, and prints such a line without its language.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bench/arguments.hpp"
#include "bench/many_sender.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

double RssKib() {
  std::ifstream in{"/proc/self/statm"};
  double pages = 0;
  in >> pages >> pages;
  return pages * 4;
}

double Jain(std::span<const std::uint64_t> shares) {
  double sum = 0;
  double squares = 0;
  for (const auto share : shares) {
    sum += static_cast<double>(share);
    squares += static_cast<double>(share) * static_cast<double>(share);
  }
  return sum * sum / (static_cast<double>(shares.size()) * squares);
}

struct Cpu {
  double user = 0;
  double system = 0;
  Cpu operator-(const Cpu& before) const {
    return {user - before.user, system - before.system};
  }
};

/// The processor time of this thread: a turn that another process interrupts is no
/// longer by it.
Milliseconds ThreadTime() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

Cpu CpuTimes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

/// What a program without the library would do at the least: epoll, one buffer for all.
void MeasureBare(int port, std::size_t size, std::uint64_t records) {
  const auto control = ConnectTo(port);
  const net::ScopedFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<net::ScopedFd> sockets;
  std::vector<char> buffer(64 * 1024);
  for (std::size_t i = 0; i < size; ++i) {
    auto& fd = sockets.emplace_back(ConnectTo(port));
    ReadUntil(fd.get(), "cram=bench\n");
    SendAll(fd.get(), "auth\nstart_session\n");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd.get();
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event);
  }
  std::vector<epoll_event> events(size);
  const auto receive = [&](std::uint64_t most) {
    std::uint64_t bytes = 0;
    while (bytes < most * sizeof(MboMsg)) {
      const int n =
          ::epoll_wait(epoll.get(), events.data(), static_cast<int>(size), -1);
      for (int i = 0; i < n; ++i) {
        const auto got = ::recv(events[static_cast<std::size_t>(i)].data.fd,
                                buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got > 0) bytes += static_cast<std::uint64_t>(got);
      }
    }
    return bytes / sizeof(MboMsg);
  };
  SendAll(control.get(), "g");
  receive(records);
  const auto before = CpuTimes();
  const auto began = Clock::now();
  const auto got = static_cast<double>(receive(records));
  const std::chrono::duration<double> wall = Clock::now() - began;
  const auto cpu = CpuTimes() - before;
  std::printf(
      "live_many language=bare clients=%zu cpu_ns=%.2f user_ns=%.2f rate_m=%.1f\n",
      size, (cpu.user + cpu.system) * 1e9 / got, cpu.user * 1e9 / got,
      got / wall.count() / 1e6);
}

class Crowd {
 public:
  Crowd(int port, std::size_t size) : control_{ConnectTo(port)}, records_(size) {
    const auto empty = RssKib();
    for (std::size_t i = 0; i < size; ++i) {
      auto& client = *clients_.emplace_back(
          std::make_unique<LiveClient>(&reactor_, std::string{kKey}));
      client.OnRecord([this, i](std::span<const MboMsg> run) {
        records_[i] += run.size();
        total_ += run.size();
        for (const auto& m : run) sum_ += static_cast<std::uint64_t>(m.price);
      });
      client.OnMetadata([this](const Metadata&) { ++started_; });
      client.OnError([this](const Error&) { ++ended_; });
      client.Connect("127.0.0.1", port);
      client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", Schema::Mbo);
      client.Start();
    }
    while (started_ != size) reactor_.Poll();
    idle_kib_ = (RssKib() - empty) / static_cast<double>(size);
    empty_ = empty;
  }

  void Measure(std::uint64_t records) {
    Order('g');
    Receive(records);  // every buffer has been used
    const auto before = records_;
    const auto reads = Reads();
    const auto cpu_before = CpuTimes();
    const auto began = Clock::now();
    const auto got = static_cast<double>(Receive(records));
    const std::chrono::duration<double> wall = Clock::now() - began;
    const auto cpu = CpuTimes() - cpu_before;
    const auto read_kib =
        got * sizeof(MboMsg) / 1024 / static_cast<double>(Reads() - reads);
    // Every socket is full: nobody reads while the sender sends on.
    std::this_thread::sleep_for(std::chrono::seconds{1});
    MeasureTurns(records);
    auto shares = records_;
    for (std::size_t i = 0; i < shares.size(); ++i) shares[i] -= before[i];
    const auto busy_kib = (RssKib() - empty_) / static_cast<double>(clients_.size());
    Settle();
    const auto broken = MeasureBreak();
    std::sort(turns_.begin(), turns_.end());
    const auto p999 = turns_[turns_.size() - 1 - turns_.size() / 1000];
    std::printf(
        "clients=%zu cpu_ns=%.2f user_ns=%.2f read_kib=%.1f rate_m=%.1f idle_kib=%.1f "
        "busy_kib=%.1f jain=%.4f turn_p999_ms=%.2f turn_max_ms=%.2f "
        "turn_cpu_max_ms=%.2f timer_max_ms=%.2f broken_ms=%.1f\n",
        clients_.size(), (cpu.user + cpu.system) * 1e9 / got, cpu.user * 1e9 / got,
        read_kib, got / wall.count() / 1e6, idle_kib_, busy_kib, Jain(shares),
        p999.count(), turns_.back().count(), turn_cpu_max_.count(), timer_max_.count(),
        broken.count());
    std::fflush(stdout);
  }

 private:
  [[nodiscard]] std::uint64_t Reads() const {
    std::uint64_t reads = 0;
    for (const auto& client : clients_) reads += client->Stats().reads;
    return reads;
  }

  std::uint64_t Receive(std::uint64_t records) {
    const auto from = total_;
    while (total_ - from < records) reactor_.Poll();
    return total_ - from;
  }

  // Only turns that find something to do are measured: each one polls without waiting.
  void MeasureTurns(std::uint64_t records) {
    const auto from = total_;
    auto last = Clock::now();
    const auto timer = reactor_.Every(std::chrono::milliseconds{1}, [&] {
      const auto now = Clock::now();
      timer_max_ = std::max<Milliseconds>(timer_max_, now - last);
      last = now;
    });
    while (total_ - from < records) {
      const auto began = Clock::now();
      const auto cpu = ThreadTime();
      if (reactor_.Poll(0) != 0) {
        turns_.emplace_back(Clock::now() - began);
        turn_cpu_max_ = std::max(turn_cpu_max_, ThreadTime() - cpu);
      } else {
        reactor_.Poll();
      }
    }
    reactor_.Cancel(timer);
  }

  // The sender stops, and what is on its way arrives.
  void Settle() {
    Order('s');
    char answer = 0;
    while (::recv(control_.get(), &answer, 1, MSG_DONTWAIT) != 1) reactor_.Poll(1);
    while (reactor_.Poll(200) != 0) {
    }
  }

  Milliseconds MeasureBreak() {
    const auto began = Clock::now();
    Order('k');
    while (ended_ != clients_.size()) reactor_.Poll();
    return Clock::now() - began;
  }

  void Order(char order) { SendAll(control_.get(), {&order, 1}); }

  net::ScopedFd control_;
  Reactor reactor_;
  std::vector<std::unique_ptr<LiveClient>> clients_;
  std::vector<std::uint64_t> records_;  // of each client
  std::uint64_t total_ = 0;
  std::uint64_t sum_ = 0;
  std::size_t started_ = 0;
  std::size_t ended_ = 0;
  double empty_ = 0;
  double idle_kib_ = 0;
  std::vector<Milliseconds> turns_;
  Milliseconds turn_cpu_max_{};
  Milliseconds timer_max_{};
};

int Main(const std::vector<std::size_t>& sizes, std::uint64_t least_mib,
         const std::vector<OtherProgram>& programs) {
  RaiseFileLimit();
  for (const auto size : sizes) {
    // Whose turns are few has an uneven share, however fair they are: one more read
    // than another client's is a third more when that had three.
    const auto mib = std::max<std::uint64_t>(least_mib, size);
    // In a process of its own, so that its memory is no other's.
    const auto run = [&](const std::function<void(int port)>& receive) {
      const ManySender sender;
      const auto child = ::fork();
      if (child == 0) {
        receive(sender.port());
        std::fflush(stdout);
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      return status == 0;
    };
    const auto cpp = [&](int port) {
      std::printf("live_many language=C++ ");
      Crowd{port, size}.Measure(RecordsOf(mib));
    };
    if (!run([&](int port) { MeasureBare(port, size, RecordsOf(mib)); })) return 1;
    if (!run(cpp)) return 1;
    for (const auto& [name, program] : programs) {
      const auto other = [&](int port) {
        std::printf("live_many language=%s ", name.c_str());
        std::fflush(stdout);
        const auto command = program + " " + std::to_string(port) + " " +
                             std::to_string(size) + " " + std::to_string(mib);
        if (std::system(command.c_str()) != 0) ::_exit(1);
      };
      if (!run(other)) return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  using namespace dbnloop::bench;
  std::vector<std::size_t> sizes;
  std::string list{argc > 1 ? argv[1] : "1,10,100,1000,5000"};
  for (std::size_t at = 0; at < list.size();) {
    const auto cut = std::min(list.find(',', at), list.size());
    sizes.push_back(std::strtoull(list.substr(at, cut - at).c_str(), nullptr, 10));
    at = cut + 1;
  }
  const Arguments given{argc, argv};
  return Main(sizes, argc > 2 ? given.mib : 2048, given.programs);
}
