// The reactor inside a libuv loop.
//
//   libuv_loop [HOST PORT]

#include <uv.h>

#include <cstdlib>
#include <iostream>

#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};

  // docs: loop
  uv_loop_t loop;
  uv_loop_init(&loop);
  uv_poll_t ready;
  uv_poll_init(&loop, &ready, reactor.Fd());
  ready.data = &reactor;
  uv_poll_start(&ready, UV_READABLE,
                [](uv_poll_t* handle, int /*status*/, int /*events*/) {
                  static_cast<dbnloop::Reactor*>(handle->data)->Poll(0);
                });

  std::size_t trades = 0;
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  client.OnError([&](const dbnloop::Error&) {
    uv_close(reinterpret_cast<uv_handle_t*>(&ready), nullptr);  // uv_run returns
  });
  // docs: end

  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", dbnloop::Schema::Trades);
  client.Connect(argc == 3 ? argv[1] : "", argc == 3 ? std::atoi(argv[2]) : 13000);
  client.Start();
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  std::cout << trades << " trades\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
