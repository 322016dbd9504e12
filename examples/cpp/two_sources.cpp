// A file and a live session on one loop, into the same handler.
//
//   two_sources FILE.dbn.zst [HOST PORT]

#include <cstdlib>
#include <iostream>

#include "dbnloop/dbn_file_source.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error{"usage: two_sources FILE [HOST PORT]"};
  const char* key = std::getenv("DATABENTO_API_KEY");
  // docs: sources
  dbnloop::Reactor reactor;
  dbnloop::DbnFileSource file{&reactor, argv[1]};
  dbnloop::LiveClient live{&reactor, key != nullptr ? key : ""};

  std::size_t trades = 0;
  for (dbnloop::DataSource* source : {static_cast<dbnloop::DataSource*>(&file),
                                      static_cast<dbnloop::DataSource*>(&live)}) {
    source->OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  }
  int running = 2;
  const auto end = [&] {
    if (--running == 0) reactor.Stop();
  };
  file.OnComplete(end);
  const auto fail = [&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    end();
  };
  file.OnError(fail);
  live.OnError(fail);
  // docs: end

  live.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", dbnloop::Schema::Trades);
  live.Connect(argc == 4 ? argv[2] : "", argc == 4 ? std::atoi(argv[3]) : 13000);
  live.Start();
  file.Start();
  reactor.Run();
  std::cout << "file: " << file.Stats().TotalRecords()
            << " records, live: " << live.Stats().TotalRecords()
            << " records, trades of both: " << trades << "\n";
} catch (const std::exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
