// What a range costs, and its records if that is allowed.
//
//   historical_cost MAX_USD [URL CA_FILE]      (URL and CA_FILE of a simulator)

#include <chrono>
#include <cstdlib>
#include <expected>
#include <iostream>

#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "dbnloop/historical_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  const double max_usd = argc > 1 ? std::atof(argv[1]) : 0;
  dbnloop::HistoricalOptions options;
  if (argc == 4) {
    options.url = argv[2];
    options.ca_file = argv[3];
  }

  // docs: range
  dbnloop::Reactor reactor;
  dbnloop::HistoricalClient client{&reactor, key != nullptr ? key : "", options};
  dbnloop::HistoricalApi api{&client};
  const auto range =
      dbnloop::DayRange("GLBX.MDP3", {"ESZ6"}, dbnloop::Schema::Trades,
                        std::chrono::sys_days{std::chrono::year{2026} / 11 / 15});

  int status = 1;
  const auto end = [&](int with) {
    status = with;
    reactor.Stop();
  };
  const auto fail = [&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    end(1);
  };
  std::size_t trades = 0;
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  client.OnComplete([&] { end(0); });
  client.OnError(fail);

  // The answer comes in a later turn; nothing is spent before it is known.
  api.GetCost(range, [&](std::expected<double, dbnloop::Error> usd) {
    if (!usd) return fail(usd.error());
    std::cout << "USD " << *usd << "\n";
    if (*usd > max_usd) return end(2);
    client.Request(range);
    client.Start();
  });
  reactor.Run();
  // docs: end
  std::cout << trades << " trades\n";
  return status;
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
