// The reactor inside an epoll loop of the program's own, beside a timer of its own.
//
//   epoll_loop [HOST PORT]

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>

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
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const itimerspec tenth{{0, 100'000'000}, {0, 1}};
  timerfd_settime(timer, 0, &tenth, nullptr);
  for (const int fd : {timer, reactor.Fd()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
  }
  std::uint64_t ticks = 0;
  while (!ended) {
    epoll_event event{};
    if (epoll_wait(loop, &event, 1, -1) != 1) continue;  // EINTR
    if (event.data.fd == timer) {
      std::uint64_t expired = 0;
      if (read(timer, &expired, sizeof expired) > 0) ticks += expired;
    } else {
      reactor.Poll(0);  // one turn that does not wait
    }
  }
  // docs: end
  close(timer);
  close(loop);
  std::cout << trades << " trades, " << (ticks > 0 ? "and" : "without")
            << " ticks of the timer\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
