// One handler for each type of record, joined by Overload, and a polite end at Ctrl-C.
//
//   overload [HOST PORT]

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <span>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"

namespace {
dbnloop::Reactor* g_reactor = nullptr;  // for the signal handler only
}

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};

  // docs: handlers
  std::size_t trades = 0;
  std::size_t orders = 0;
  std::size_t others = 0;
  client.OnRecord(dbnloop::Overload{
      // One record at a time…
      [&](const dbnloop::TradeMsg&) { ++trades; },
      // …or a run of consecutive records of one type, in place.
      [&](std::span<const dbnloop::MboMsg> run) { orders += run.size(); },
      [](const dbnloop::SymbolMappingMsg& m) {
        std::cout << m.hd.instrument_id << " is " << m.STypeOutSymbol() << "\n";
      },
      // Everything else, also types that this version does not know.
      [&](const auto&) { ++others; },
  });
  // docs: events
  client.OnSessionEvent([](const dbnloop::SessionEvent& event) {
    std::cerr << ToString(event.kind) << ": " << event.message << "\n";
  });
  bool ended = false;
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << ToString(error.code) << ": " << error.message << "\n";
    ended = true;
    reactor.Stop();
  });
  // docs: end

  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", dbnloop::Schema::Trades);
  client.Subscribe("GLBX.MDP3", "ESZ6", dbnloop::Schema::Mbo);
  if (argc == 3) {
    client.Connect(argv[1], std::atoi(argv[2]));
  } else {
    client.Connect();
  }
  client.Start();

  // docs: shutdown
  g_reactor = &reactor;
  std::signal(SIGINT, [](int) { g_reactor->Stop(); });  // Stop is async-signal-safe
  reactor.Run();  // until the signal, or the end of the session
  if (!ended) {
    client.Stop();  // in order: OnError reports Cancelled when it is done
    reactor.Run();
  }
  // docs: end
  std::cout << trades << " trades, " << orders << " orders, " << others << " others\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
