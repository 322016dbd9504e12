// Counts trades across its own restarts: the count and the stream's position are in one
// file. SIGINT and SIGTERM end it in order. Usage: resume [FILE [HOST PORT]]

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>

#include "dbnloop/continuous_client.hpp"
#include "dbnloop/exception.hpp"
#include "dbnloop/reactor.hpp"

namespace {
dbnloop::Reactor* g_reactor = nullptr;  // for the signal handler only

// docs: store
/// What was made of the records, and the position that it belongs to: in one file,
/// which is replaced in one step.
void Store(const std::string& file, std::uint64_t trades,
           std::span<const std::byte> position) {
  std::ofstream out{file + ".part", std::ios::binary};
  out << trades << "\n";
  out.write(reinterpret_cast<const char*>(position.data()),
            static_cast<std::streamsize>(position.size()));
  out.close();
  if (out) std::filesystem::rename(file + ".part", file);
}
// docs: end
}  // namespace

int main(int argc, char** argv) try {
  const char* key = std::getenv("DATABENTO_API_KEY");
  const std::string file = argc > 1 ? argv[1] : "resume.position";
  dbnloop::ContinuousOptions options;
  options.give_up_after = std::chrono::seconds{1};
  if (argc == 4) {  // a simulator replays all of its data, however old that is
    options.gateway = argv[2];
    options.port = std::atoi(argv[3]);
    options.replay_limit = std::chrono::hours{24 * 365 * 10};
  }
  // docs: resume
  dbnloop::Reactor reactor;
  dbnloop::ContinuousClient client{&reactor, key != nullptr ? key : "", options};
  client.Subscribe("GLBX.MDP3", "ESZ6", dbnloop::Schema::Trades);
  std::uint64_t trades = 0;
  if (std::ifstream in{file, std::ios::binary}; in >> trades && in.get() == '\n') {
    const std::string position{std::istreambuf_iterator{in}, {}};
    client.ResumeFrom(std::as_bytes(std::span{position}));
  }
  client.OnRecord([&](const dbnloop::TradeMsg&) { ++trades; });
  bool ended = false;
  client.OnError([&](const dbnloop::Error& error) {
    std::cerr << error.message << "\n";
    ended = true;
    reactor.Stop();
  });
  const auto store = [&] { Store(file, trades, client.Position()); };
  reactor.Every(std::chrono::seconds{10}, store);  // for a kill, or a loss of power
  g_reactor = &reactor;
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { g_reactor->Stop(); });
  client.Start();
  reactor.Run();  // until a signal, or the end of the stream
  if (!ended) {
    client.Stop();  // in order: what had been sent is still handed out, then OnError
    reactor.Run();
  }
  store();
  // docs: end
  std::cout << trades << " trades\n";
} catch (const dbnloop::Exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
