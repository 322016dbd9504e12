// Takes a symbol away from what it subscribed to, and counts the trades of the others.
//
//   unsubscribe [HOST PORT]

#include <cstdlib>
#include <iostream>
#include <variant>

#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  std::size_t trades = 0;
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    reactor.Stop();
  });
  // docs: unsubscribe
  client.Subscribe("GLBX.MDP3", "ESZ6,NQZ6", dbnloop::Schema::Trades);
  // At any time, also in a handler.
  client.Unsubscribe("GLBX.MDP3", "NQZ6", dbnloop::Schema::Trades);
  // Records of the symbol may come until the gateway has answered.
  client.OnSessionEvent([](const dbnloop::SessionEvent& event) {
    using Kind = dbnloop::SessionEvent::Kind;
    if (event.kind == Kind::UnsubscribeAck || event.kind == Kind::UnsubscribeOverdue)
      std::cerr << ToString(event.kind) << ": " << event.message << "\n";
  });
  // What another session must ask for to get the same.
  for (const auto& request : client.Subscriptions()) {
    if (const auto* made = std::get_if<dbnloop::EffectiveSubscription>(&request))
      for (const auto& symbol : made->subscription.symbols)
        std::cout << "subscribed to " << symbol << "\n";
  }
  // docs: end
  argc == 3 ? client.Connect(argv[1], std::atoi(argv[2])) : client.Connect();
  client.Start();
  reactor.Run();
  std::cout << trades << " trades\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
