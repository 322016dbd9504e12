// What a range costs; then, when that is allowed, its records counted by type.
//
//   historical_cost URL CA_FILE DATASET SCHEMA SYMBOLS START_NS END_NS MOST_USD
//
// "" as URL and CA_FILE: Databento's own server. The key is read from
// DATABENTO_API_KEY.

#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>

#include "dbnloop/enum_strings.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/historical_api.hpp"
#include "dbnloop/reactor.hpp"

namespace {

dbnloop::UnixNanos Time(const char* text) {
  return dbnloop::UnixNanos{dbnloop::UnixNanos::duration{std::stoull(text)}};
}

int Run(const std::string& key, const char* const* args) {
  dbnloop::Reactor reactor;
  dbnloop::HistoricalOptions options;
  if (*args[0] != '\0') options.url = args[0];
  options.ca_file = args[1];
  dbnloop::HistoricalClient client{&reactor, key, options};
  dbnloop::HistoricalApi api{&client};
  const double most = std::stod(args[7]);

  int status = 1;
  const auto end = [&](int with) {
    status = with;
    reactor.Stop();
  };
  client.Request(args[2], args[4],
                 dbnloop::FromString<dbnloop::Schema>(args[3]).value(), Time(args[5]),
                 Time(args[6]));
  client.OnComplete([&] {
    std::cout << client.Stats().TotalRecords() << " records\n";
    end(0);
  });
  client.OnError([&](const dbnloop::Error& e) {
    std::cerr << e.message << '\n';
    end(1);
  });

  dbnloop::HistoricalRequest range;
  range.dataset = args[2];
  std::istringstream symbols{args[4]};
  for (std::string symbol; std::getline(symbols, symbol, ',');) {
    range.symbols.push_back(symbol);
  }
  range.schema = dbnloop::FromString<dbnloop::Schema>(args[3]).value();
  range.start = Time(args[5]);
  range.end = Time(args[6]);
  api.GetCost(range, [&](std::expected<double, dbnloop::Error> cost) {
    if (!cost) {
      std::cerr << cost.error().message << '\n';
      return end(1);
    }
    std::cout << "USD " << *cost << '\n';
    if (*cost > most) return end(2);
    client.Start();
  });
  reactor.Run();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const char* key = std::getenv("DATABENTO_API_KEY");
  if (argc != 9 || key == nullptr) {
    std::cerr
        << "usage: DATABENTO_API_KEY=… historical_cost URL CA_FILE DATASET SCHEMA "
           "SYMBOLS START_NS END_NS MOST_USD\n";
    return 2;
  }
  try {
    return Run(key, argv + 1);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
