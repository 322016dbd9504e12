// The reactor inside an Asio io_context. Boost.Asio is the same, in namespace
// boost::asio.
//
//   asio_loop [HOST PORT]

#include <unistd.h>

#include <asio.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};

  // docs: loop
  asio::io_context io;
  // A duplicate, because the descriptor closes what it owns.
  asio::posix::stream_descriptor ready{io, dup(reactor.Fd())};
  std::function<void()> wait = [&] {
    ready.async_wait(asio::posix::stream_descriptor::wait_read,
                     [&](const asio::error_code& error) {
                       if (error) return;  // cancelled
                       reactor.Poll(0);
                       if (ready.is_open()) wait();
                     });
  };
  wait();

  std::size_t trades = 0;
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  client.OnError([&](const dbnloop::Error&) { ready.close(); });  // io.run() returns
  // docs: end

  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", dbnloop::Schema::Trades);
  client.Connect(argc == 3 ? argv[1] : "", argc == 3 ? std::atoi(argv[2]) : 13000);
  client.Start();
  io.run();
  std::cout << trades << " trades\n";
} catch (const std::exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
