// Trades across reconnections: each session resumes where the last one broke, and drops
// what the gateway repeats. It gives up when four attempts in a row bring nothing new.
//
//   reconnect [HOST PORT]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>

#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

namespace {
// docs: seam
/// Where an instrument's stream is: its latest ts_event, and how many records had it.
struct Position {
  dbnloop::UnixNanos last{};
  std::size_t count = 0;
  dbnloop::UnixNanos seam{};  ///< where the session before this one broke
  std::size_t repeats = 0;    ///< records of that time that this session repeats

  void BeginSession() { seam = last, repeats = count; }
  /// Returns whether the record is new.
  bool Advance(dbnloop::UnixNanos ts_event) {
    if (ts_event < seam) return false;
    if (ts_event == seam && repeats > 0 && repeats-- > 0) return false;
    if (ts_event > seam) seam = {};  // the replay has caught up
    if (ts_event > last) count = 0;
    last = std::max(last, ts_event);
    if (ts_event == last) ++count;
    return true;
  }
};
// docs: end
}  // namespace

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};
  std::size_t trades = 0;
  // docs: session
  std::map<std::uint32_t, Position> positions;  // by instrument
  int attempts = 0;                             // since the last new record
  const auto connect = [&] {
    dbnloop::Subscription es;
    es.dataset = "GLBX.MDP3";
    es.symbols = {"ESZ6"};
    for (auto& [instrument, position] : positions) {
      position.BeginSession();
      es.start = std::min(es.start.value_or(position.last), position.last);
    }
    client.Connect(argc == 3 ? argv[1] : "", argc == 3 ? std::atoi(argv[2]) : 13000);
    client.Subscribe(es);
    client.Start();
  };
  client.OnRecord([&](const dbnloop::TradeMsg& trade) {
    if (!positions[trade.hd.instrument_id].Advance(trade.hd.ts_event)) return;
    attempts = 0;
    ++trades;
  });
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    if (++attempts > 3) return reactor.Stop();
    reactor.After(std::chrono::milliseconds{100} * (1 << attempts), connect);
  });
  connect();
  reactor.Run();
  // docs: end
  std::cout << trades << " trades\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
