// A program that mixes dbnloop with databento-cpp: the record types of both are the
// same. It connects to the gateway named by its arguments (host, port) and counts
// trades.
#include <cstdio>
#include <cstdlib>
#include <databento/enums.hpp>
#include <databento/pretty.hpp>
#include <databento/record.hpp>
#include <string>
#include <type_traits>

#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"

static_assert(std::is_same_v<dbnloop::TradeMsg, databento::TradeMsg>);
static_assert(std::is_same_v<dbnloop::Schema, databento::Schema>);

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, std::getenv("DATABENTO_API_KEY")};
  int trades = 0;
  std::string last;
  client.OnRecord(dbnloop::Overload{
      [&](const databento::TradeMsg& trade) {
        ++trades;
        last = databento::ToString(trade);  // databento-cpp's own code
      },
      [](const auto&) {},
  });
  client.OnError([&](const dbnloop::Error& error) {
    if (error.code != dbnloop::ErrorCode::ConnectionClosed)
      std::puts(error.message.c_str());
    reactor.Stop();
  });
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", databento::Schema::Trades);
  client.Connect(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])));
  client.Start();
  reactor.Run();
  if (trades == 0 || last.find("TradeMsg") == std::string::npos) return 1;
  std::printf("%d trades of databento::TradeMsg\n", trades);
  return 0;
}
