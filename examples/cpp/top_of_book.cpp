// The best bid and offer of each symbol, once a second and at the end.
//
//   top_of_book [HOST PORT]

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>

#include "dbnloop/exception.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"
#include "dbnloop/symbol_map.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};

  // docs: symbols
  dbnloop::PitSymbolMap symbols;
  std::map<std::uint32_t, dbnloop::BidAskPair> tops;  // by instrument
  client.OnRecord(dbnloop::Overload{
      [&](const dbnloop::SymbolMappingMsg& m) { symbols.OnSymbolMapping(m); },
      [&](const dbnloop::Mbp1Msg& m) { tops[m.hd.instrument_id] = m.levels[0]; },
  });
  const auto print = [&] {
    for (const auto& [instrument, top] : tops) {
      std::cout << symbols.Find(instrument).value_or("?") << "  " << top.bid_sz << " @ "
                << dbnloop::PriceToDouble(top.bid_px) << "  "
                << dbnloop::PriceToDouble(top.ask_px) << " @ " << top.ask_sz << "\n";
    }
  };
  // docs: end

  reactor.Every(std::chrono::seconds{1}, print);
  client.OnError([&](const dbnloop::Error& error) {
    print();
    std::cerr << error.message << "\n";
    reactor.Stop();
  });
  client.Subscribe("GLBX.MDP3", "ESZ6,NQZ6", dbnloop::Schema::Mbp1);
  if (argc == 3) {
    client.Connect(argv[1], std::atoi(argv[2]));
  } else {
    client.Connect();
  }
  client.Start();
  reactor.Run();
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
