// Counts trades from a time in the past on: from history, then from the gateway's
// replay, then live. It buys history for at most MAX_USD, and ends after LIMIT trades.
//
//   history_into_live SECONDS_SINCE_1970 LIMIT MAX_USD [HOST PORT URL CA_FILE]

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "dbnloop/continuous_client.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  if (argc != 4 && argc != 8) {
    std::cerr << "usage: history_into_live SECONDS_SINCE_1970 LIMIT MAX_USD "
                 "[HOST PORT URL CA_FILE]\n";
    return 2;
  }
  const char* key = std::getenv("DATABENTO_API_KEY");
  const dbnloop::UnixNanos begin{std::chrono::seconds{std::atoll(argv[1])}};
  const auto limit = std::strtoul(argv[2], nullptr, 10);
  dbnloop::ContinuousOptions options;
  options.max_cost = std::atof(argv[3]);
  if (argc == 8) {  // a simulator's data spans minutes: all of its past from history
    options.gateway = argv[4];
    options.port = std::atoi(argv[5]);
    options.history.url = argv[6];
    options.history.ca_file = argv[7];
    options.replay_limit = std::chrono::seconds{0};
  }
  std::size_t trades = 0;
  int status = 0;
  // docs: stream
  dbnloop::Reactor reactor;
  dbnloop::ContinuousClient client{&reactor, key != nullptr ? key : "", options};
  client.Subscribe({.dataset = "GLBX.MDP3",
                    .schema = dbnloop::Schema::Trades,
                    .symbols = {"ESZ6"},
                    .start = begin});
  client.OnRecord([&](const dbnloop::TradeMsg&) {
    if (++trades != limit) return;
    reactor.Stop();
    client.Pause();  // no further record after this one
  });
  client.OnState([&](dbnloop::ContinuousClient::State state) {
    std::cerr << ToString(state) << " after " << trades << "\n";
  });
  client.OnContinuity([](const dbnloop::ContinuityEvent& event) {
    // A Price that max_cost does not allow ends the stream.
    std::cerr << ToString(event.kind) << ": USD " << event.cost << "\n";
  });
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    status = 1;
    reactor.Stop();
  });
  client.Start();
  reactor.Run();
  // docs: end
  std::printf("%zu trades, USD %f\n", trades, client.Spent());
  return status;
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
