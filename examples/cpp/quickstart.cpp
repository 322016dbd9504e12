// Live trades, printed as they arrive.
//
//   quickstart                      from Databento's gateway
//   quickstart 127.0.0.1 13000      from a simulator
//
// The key is read from DATABENTO_API_KEY.

#include <cstdlib>
#include <iostream>

#include "dbnloop/exception.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  const char* host = argc == 3 ? argv[1] : "";  // empty: the gateway of the dataset
  const int port = argc == 3 ? std::atoi(argv[2]) : dbnloop::kLivePort;

  // docs: session
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};
  client.OnRecord([](const dbnloop::TradeMsg& trade) {
    std::cout << trade.hd.instrument_id << " " << dbnloop::PriceToDouble(trade.price)
              << " x " << trade.size << "\n";
  });
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    reactor.Stop();
  });
  client.Subscribe("GLBX.MDP3", "ESZ6,NQZ6", dbnloop::Schema::Trades);
  client.Connect(host, port);
  client.Start();
  reactor.Run();
  // docs: end
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
