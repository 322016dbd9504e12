// Built against an installed dbnloop through its CMake package.
#include <cstdio>

#include "dbnloop/live_client.hpp"
#include "dbnloop/overload.hpp"
#include "dbnloop/reactor.hpp"

int main() {
  dbnloop::Reactor reactor;
  dbnloop::LiveClient client{&reactor, "0123456789abcdef0123456789abcdef"};
  client.OnRecord(dbnloop::Overload{[](const dbnloop::MboMsg&) {}, [](const auto&) {}});
  int turns = 0;
  reactor.Post([&] { ++turns; });
  reactor.Poll(0);
  std::puts(turns == 1 ? "ok" : "no turn");
  return turns == 1 ? 0 : 1;
}
