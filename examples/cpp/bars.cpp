// One-minute bars from files of trades, as CSV.
//
//   bars FILE.dbn.zst...

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>

#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/format.hpp"
#include "dbnloop/reactor.hpp"
#include "dbnloop/symbol_map.hpp"

namespace {

struct Bar {
  std::int64_t open = 0, high = 0, low = 0, close = 0;
  std::uint64_t volume = 0;

  void Add(const dbnloop::TradeMsg& trade) {
    if (volume == 0) open = high = low = trade.price;
    high = std::max(high, trade.price);
    low = std::min(low, trade.price);
    close = trade.price;
    volume += trade.size;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  std::cout << "minute,symbol,open,high,low,close,volume\n";
  for (int i = 1; i < argc; ++i) {
    // docs: file
    dbnloop::Reactor reactor;
    dbnloop::DbnFileSource file{&reactor, argv[i]};
    dbnloop::TsSymbolMap symbols;
    file.OnMetadata([&](const dbnloop::Metadata& metadata) {
      symbols = dbnloop::TsSymbolMap::FromMetadata(metadata).value();
    });
    std::map<std::pair<dbnloop::UnixNanos, std::uint32_t>, Bar> bars;
    file.OnRecord([&](const dbnloop::TradeMsg& trade) {
      // A trade belongs to the minute in which it was received.
      const auto minute =
          trade.ts_recv - trade.ts_recv.time_since_epoch() % std::chrono::minutes{1};
      bars[{minute, trade.hd.instrument_id}].Add(trade);
    });
    file.OnComplete([&] { reactor.Stop(); });
    file.OnError([](const dbnloop::Error& error) { throw dbnloop::Exception{error}; });
    file.Start();
    reactor.Run();
    // docs: end
    dbnloop::TimeText time;
    dbnloop::PriceText room;
    for (const auto& [key, bar] : bars) {
      std::cout << dbnloop::FormatTime(key.first, time) << ","
                << symbols.Find(key.second, key.first).value_or("");
      for (const auto price : {bar.open, bar.high, bar.low, bar.close}) {
        std::cout << "," << dbnloop::FormatPrice(price, room);
      }
      std::cout << "," << bar.volume << "\n";
    }
  }
} catch (const std::exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
