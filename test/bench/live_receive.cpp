// The live path over loopback, from a sender in a process of its own: what a record
// costs in C++, beside a bare recv loop and beside other programs that do the same (Go,
// another library). Rounds are interleaved; medians come out.
//
//   live_receive [ROUNDS [MIB [NAME=PROGRAM]...]]
//
// A PROGRAM is called with a port and the number of records that it will get there;
// what it does and says then: see OtherProgram.

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "bench/live_sender.hpp"
#include "bench/measure.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"

namespace dbnloop::bench {
namespace {

Sample BareRecv(std::uint64_t blocks) {
  const LiveSender sender{blocks, false};
  const auto fd = ConnectTo(sender.port());
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
  const LiveSender sender{blocks, true};
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

Sample Program(const std::string& program, std::uint64_t blocks) {
  const LiveSender sender{blocks, true};
  return RunProgram(program + " " + std::to_string(sender.port()) + " " +
                    std::to_string(RecordsOf(blocks)));
}

int Main(int rounds, std::uint64_t blocks, const std::vector<OtherProgram>& programs) {
  std::vector<Way> ways;
  ways.push_back({"bare recv, 64 KiB", [=] { return BareRecv(blocks); }});
  ways.push_back({"runs", [=] {
                    return Live(blocks, [](Sample& s) {
                      return [&s](std::span<const MboMsg> run) { s.Take(run); };
                    });
                  }});
  ways.push_back({"OnRecord(Overload)", [=] {
                    return Live(blocks, [](Sample& s) {
                      return Overload{[&s](const MboMsg& m) {
                                        ++s.records;
                                        s.sum += static_cast<std::uint64_t>(m.price);
                                      },
                                      [](const auto&) {}};
                    });
                  }});
  ways.push_back({"OnRecord(Record)", [=] {
                    return Live(blocks, [](Sample& s) {
                      return [&s](const Record& r) {
                        ++s.records;
                        s.sum += static_cast<std::uint64_t>(r.Get<MboMsg>().price);
                      };
                    });
                  }});
  for (const auto& [name, program] : programs) {
    ways.push_back({name, [=] { return Program(program, blocks); }});
  }
  return Compare("live over loopback", rounds, RecordsOf(blocks), ways) ? 0 : 1;
}

}  // namespace
}  // namespace dbnloop::bench

int main(int argc, char** argv) {
  const dbnloop::bench::Arguments given{argc, argv};
  return dbnloop::bench::Main(given.rounds, given.mib, given.programs);
}
