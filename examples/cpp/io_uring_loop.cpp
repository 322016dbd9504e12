// The reactor inside an io_uring loop: a poll request waits for the reactor's fd,
// beside whatever else the ring does.
//
//   io_uring_loop [HOST PORT]

#include <liburing.h>
#include <poll.h>

#include <cstdlib>
#include <iostream>
#include <system_error>

#include "dbnloop/exception.hpp"
#include "dbnloop/live_client.hpp"
#include "dbnloop/reactor.hpp"

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, key != nullptr ? key : ""};
  std::size_t trades = 0;
  bool ended = false;
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  client.OnError([&](const dbnloop::Error&) { ended = true; });
  client.Subscribe("GLBX.MDP3", "ALL_SYMBOLS", dbnloop::Schema::Trades);
  client.Connect(argc == 3 ? argv[1] : "", argc == 3 ? std::atoi(argv[2]) : 13000);
  client.Start();

  // docs: loop
  io_uring ring;
  if (const int error = io_uring_queue_init(8, &ring, 0); error < 0) {
    throw std::system_error{-error, std::generic_category(), "io_uring_queue_init"};
  }
  while (!ended) {
    // One request for one readiness: it is made again after each turn, so that what a
    // turn left unfinished is reported at once.
    io_uring_prep_poll_add(io_uring_get_sqe(&ring), reactor.Fd(), POLLIN);
    io_uring_submit(&ring);
    io_uring_cqe* completion = nullptr;
    while (io_uring_wait_cqe(&ring, &completion) == -EINTR) {
    }
    io_uring_cqe_seen(&ring, completion);
    reactor.Poll(0);
  }
  io_uring_queue_exit(&ring);
  // docs: end
  std::cout << trades << " trades\n";
} catch (const std::exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
