// Live records in a loop of your own, one handler per record type.
//
//   live_overload GATEWAY DATASET SCHEMA SYMBOLS
//   live_overload 127.0.0.1:13000 GLBX.MDP3 trades ESZ6,NQZ6
//   live_overload "" GLBX.MDP3 mbo ALL_SYMBOLS        (Databento's own gateway)
//
// The key is read from DATABENTO_API_KEY. Ctrl-C ends it.

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"

namespace {

// For the signal handler only.
dbnloop::Reactor* g_reactor = nullptr;

struct Endpoint {
  std::string host;
  int port = dbnloop::kLivePort;
};

// "host", "host:port", "[::1]:port", or "" for the gateway of the dataset.
Endpoint ParseEndpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos &&
                        text.find(']', colon) == std::string_view::npos;
  if (!has_port) return {std::string{text}};
  return {std::string{text.substr(0, colon)},
          std::atoi(std::string{text.substr(colon + 1)}.c_str())};
}

int Run(const std::string& key, const char* const* args) {
  const auto gateway = ParseEndpoint(args[0]);
  const auto schema = dbnloop::FromString<dbnloop::Schema>(args[2]);
  if (!schema) {
    std::cerr << "unknown schema '" << args[2] << "', try trades or mbo\n";
    return 2;
  }

  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key};
  std::uint64_t others = 0;
  int exit_code = 0;

  client.OnRecord(dbnloop::Overload{
      [](const dbnloop::TradeMsg& m) {
        std::cout << "trade " << m.hd.instrument_id << " "
                  << dbnloop::PriceToDouble(m.price) << " x " << m.size << '\n';
      },
      [](const dbnloop::MboMsg& m) {
        std::cout << "mbo   " << m.hd.instrument_id << " "
                  << static_cast<char>(m.action) << " "
                  << dbnloop::PriceToDouble(m.price) << " x " << m.size << " order "
                  << m.order_id << '\n';
      },
      [](const dbnloop::SymbolMappingMsg& m) {
        std::cout << "symbol " << m.hd.instrument_id << " is " << m.STypeOutSymbol()
                  << '\n';
      },
      [](const dbnloop::SystemMsg& m) { std::cerr << "gateway: " << m.Msg() << '\n'; },
      [](const dbnloop::ErrorMsg& m) {
        std::cerr << "gateway error: " << m.Err() << '\n';
      },
      [&](const auto&) { ++others; },
  });
  bool ended = false;
  client.OnError([&](const dbnloop::Error& e) {
    std::cerr << ToString(e.code) << ": " << e.message << '\n';
    exit_code = e.code == dbnloop::ErrorCode::Cancelled ? 0 : 1;
    ended = true;
    reactor.Stop();
  });

  client.Connect(gateway.host, gateway.port);
  client.Subscribe(args[1], args[3], *schema);
  client.Start();

  std::cout << std::fixed << std::setprecision(4);
  g_reactor = &reactor;
  std::signal(SIGINT, [](int) { g_reactor->Stop(); });
  std::signal(SIGTERM, [](int) { g_reactor->Stop(); });
  reactor.Run();  // until a signal or the end of the session
  if (!ended) {
    client.Stop();  // politely: OnError says Cancelled when it is done
    reactor.Run();
  }
  std::cerr << others << " records of other types\n";
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const char* key = std::getenv("DATABENTO_API_KEY");
  if (argc != 5 || key == nullptr) {
    std::cerr << "usage: DATABENTO_API_KEY=… live_overload GATEWAY[:PORT] DATASET "
                 "SCHEMA SYMBOLS\n";
    return 2;
  }
  try {
    return Run(key, argv + 1);
  } catch (const std::exception& e) {
    std::cerr << "live_overload: " << e.what() << '\n';
    return 2;
  }
}
