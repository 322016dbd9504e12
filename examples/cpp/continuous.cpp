// Counts trades without a gap, however often the session breaks. It ends when attempts
// have brought nothing new for a second.
//
//   continuous [HOST PORT]

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "dbnloop/continuous_client.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::ContinuousOptions options;
  options.give_up_after = std::chrono::seconds{1};
  if (argc == 3) {  // a simulator replays all of its data, however old that is
    options.gateway = argv[1];
    options.port = std::atoi(argv[2]);
    options.replay_limit = std::chrono::hours{24 * 365 * 10};
  }
  std::size_t trades = 0;
  // docs: stream
  dbnloop::Reactor reactor;
  dbnloop::ContinuousClient client{&reactor, key != nullptr ? key : "", options};
  client.Subscribe("GLBX.MDP3", "ESZ6", dbnloop::Schema::Trades);
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  client.OnContinuity([](const dbnloop::ContinuityEvent& event) {
    std::cerr << ToString(event.kind);
    if (event.kind == dbnloop::ContinuityEvent::Kind::Gap)
      std::cerr << ": " << ToString(event.gap);
    std::cerr << "\n";
  });
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    reactor.Stop();
  });
  client.Start();
  reactor.Run();
  // docs: end
  std::cout << trades << " trades\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
